// rules_mx_access: check_*_{ns,mx,a}_access: access(5) by the hosts that serve a domain.
#include "dns/dns.h"
#include "mail/address.h"
#include "smtpd/access_search.h"
#include "smtpd/rules_judges.h"
#include "util/log.h"

static const char *domain_of(const struct check *c, enum subject subject)
{
    const struct session *s = c->s;
    const char *address = NULL;
    struct str local, domain;

    switch (subject) {
    case SUBJECT_CLIENT:
        return strcmp(s->peer.name, "unknown") == 0 ? NULL : s->peer.name;
    case SUBJECT_REVERSE_CLIENT:
        return strcmp(s->peer.reverse_name, "unknown") == 0 ? NULL : s->peer.reverse_name;
    case SUBJECT_HELO:
        return s->helo;
    case SUBJECT_SENDER:
        address = c->sender;
        break;
    case SUBJECT_RECIPIENT:
        address = c->recipient;
        break;
    default:
        break;
    }
    if (address == NULL)
        return NULL;
    address_split(str_c(address), &local, &domain);
    return domain.len == 0 ? NULL : arena_text(s->msg_arena, domain);
}

// Name servers stand at a zone cut, which may be some labels up.
static enum dns_result find_servers(struct check *c, const char *domain,
                                    struct dns_answer *answer)
{
    struct error err = {0};
    enum dns_result result = DNS_NO_HOST;

    for (const char *name = domain; name != NULL && strchr(name, '.') != NULL;
         name = strchr(name, '.') + 1) {
        result = dns_find(c->s->msg_arena, name, DNS_NS, answer, &err);
        if (result != DNS_NO_DATA && result != DNS_NO_HOST)
            break;
    }
    return result;
}

static struct dns_answer the_host_itself(struct check *c, const char *domain)
{
    struct dns_record *record = ARENA_NEW(c->s->msg_arena, struct dns_record);

    record->name = domain;
    return (struct dns_answer){.records = record, .len = 1};
}

static bool find_host(struct access_search *a, const char *host)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};

    if (access_find_domain(a, host))
        return true;
    for (size_t i = 0; i < COUNT(types); i++) {
        struct dns_answer answer = {0};
        struct error err = {0};

        if (dns_find(a->c->s->msg_arena, host, types[i], &answer, &err) != DNS_FOUND)
            continue;
        for (size_t k = 0; k < answer.len; k++)
            if (answer.records[k].address != NULL &&
                access_find_address(a, answer.records[k].address))
                return true;
    }
    return false;
}

// A domain owner must not be able to let itself in by pointing at a host that is allowed.
static struct verdict act(struct check *c, const struct rule *r, enum subject subject,
                          struct access_search *a)
{
    struct verdict v;

    if (a->failed)
        return reject_access_error(c, subject, r->arg, &a->err);
    v = access_act(c, subject, subject_text(c, subject), r->arg, a->value);
    if (v.action == VERDICT_PERMIT) {
        log_warn("restriction %s returns OK for %s", r->kind->name,
                 subject_text(c, subject));
        log_warn("this is not allowed for security reasons");
        log_warn("use DUNNO instead of OK if you want to make an exception");
        return reject_config_error(c);
    }
    return v;
}

JUDGE(judge_mx_access)
{
    enum subject subject = check_subject(c, r);
    const char *domain = domain_of(c, subject);
    struct access_search a = {.c = c, .maps = r->maps};
    struct dns_answer hosts = {0};
    enum dns_result result = DNS_NO_DATA;
    struct error err = {0};

    if (domain == NULL)
        return DUNNO;
    if (domain[0] == '[') {
        struct str literal = str_sub(str_c(domain), 1, strlen(domain) - 2);

        if (str_starts_nocase(literal, "IPv6:"))
            literal = str_from(literal, 5);
        if (access_find_address(&a, arena_text(c->s->msg_arena, literal)))
            return act(c, r, subject, &a);
        return DUNNO;
    }
    if (r->kind->how == HOW_NS)
        result = find_servers(c, domain, &hosts);
    else if (r->kind->how == HOW_MX)
        result = dns_find(c->s->msg_arena, domain, DNS_MX, &hosts, &err);
    if (result == DNS_NULL_MX)
        return DUNNO;
    if (r->kind->how != HOW_NS && result != DNS_FOUND)
        hosts = the_host_itself(c, domain);
    for (size_t i = 0; i < hosts.len; i++)
        if (hosts.records[i].name != NULL && find_host(&a, hosts.records[i].name))
            return act(c, r, subject, &a);
    return DUNNO;
}
