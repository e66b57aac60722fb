// rules_address: restrictions on sender and recipient addresses: syntax, domain, existence.
#include "dns/dns.h"
#include "mail/address.h"
#include "smtpd/rules_judges.h"
#include "util/log.h"

// The address that the rule looks at; NULL when there is none or nothing to say about it.
static const char *address_of(const struct check *c, const struct rule *r)
{
    const char *address = r->kind->subject == SUBJECT_SENDER ? c->sender : c->recipient;

    return address == NULL || address[0] == '\0' ? NULL : address;
}

static const char *class_text(struct check *c, enum subject subject, const char *address,
                              const char *why)
{
    return arena_printf(c->s->msg_arena, "<%s>: %s rejected: %s", address,
                        subject_class(subject), why);
}

JUDGE(judge_non_fqdn_address)
{
    const char *address = address_of(c, r);
    struct str local, domain;

    if (address == NULL)
        return DUNNO;
    address_split(str_c(address), &local, &domain);
    // RFC 5321 4.5.1: postmaster needs no domain.
    if (domain.len == 0 && r->kind->subject == SUBJECT_RECIPIENT &&
        str_is_nocase(local, "postmaster"))
        return DUNNO;
    if (domain.len > 1 && domain.ptr[0] == '[')
        return DUNNO;
    if (domain.len > 0 && host_name_is_valid(domain) && str_has_char(domain, '.'))
        return DUNNO;
    return reject_with(
        c, r->kind->subject, c->s->cfg->non_fqdn_reject_code, "5.5.2", "%s",
        class_text(c, r->kind->subject, address, "need fully-qualified address"));
}

static struct verdict reject_domain(struct check *c, enum subject subject,
                                    const char *address, const char *why)
{
    return reject_with(c, subject, c->s->cfg->unknown_address_reject_code,
                       subject == SUBJECT_SENDER ? "4.1.8" : "4.1.2", "%s",
                       class_text(c, subject, address, why));
}

// RFC 7505: the domain says that it takes no mail, so none comes from it, either.
static struct verdict reject_null_mx(struct check *c, enum subject subject,
                                     const char *address, const char *domain)
{
    bool is_sender = subject == SUBJECT_SENDER;
    const char *why =
        arena_printf(c->s->msg_arena, "Domain %s does not accept mail (nullMX)", domain);

    return reject_with(c, subject, is_sender ? 550 : 556, is_sender ? "5.7.27" : "5.1.10",
                       "%s", class_text(c, subject, address, why));
}

JUDGE(judge_unknown_domain)
{
    static const enum dns_type types[] = {DNS_MX, DNS_A, DNS_AAAA};
    enum subject subject = r->kind->subject;
    const char *address = address_of(c, r);
    struct session *s = c->s;
    struct resolved resolved;
    struct str local, domain;
    bool is_temporary = false;

    if (address == NULL)
        return DUNNO;
    if (!check_resolve(c, address, &resolved))
        return defer_if_permit(c, subject, 451, "4.3.0", "<%s>: Temporary lookup failure",
                               address);
    address_split(str_c(resolved.recipient), &local, &domain);
    // Domains of our own need no DNS.
    if (domain.len == 0 || domain.ptr[0] == '[' ||
        !(resolved.flags & RESOLVE_CLASS_DEFAULT))
        return DUNNO;
    const char *name = arena_text(s->msg_arena, domain);

    for (size_t i = 0; i < COUNT(types); i++) {
        struct dns_answer answer = {0};
        struct error err = {0};

        switch (dns_find(s->msg_arena, name, types[i], &answer, &err)) {
        case DNS_FOUND:
            return DUNNO;
        case DNS_NULL_MX:
            return reject_null_mx(c, subject, address, name);
        case DNS_MALFORMED:
            return reject_domain(c, subject, address, "Malformed DNS server reply");
        case DNS_RETRY:
            is_temporary = true;
            break;
        default:
            break;
        }
    }
    if (is_temporary)
        return defer_by_action(c, s->cfg->unknown_address_tempfail_action, subject, 450,
                               subject == SUBJECT_SENDER ? "4.1.8" : "4.1.2",
                               class_text(c, subject, address, "Domain not found"));
    return reject_domain(c, subject, address, "Domain not found");
}

JUDGE(judge_unlisted)
{
    const char *address = address_of(c, r);

    if (address == NULL)
        return DUNNO;
    return r->kind->subject == SUBJECT_SENDER ? unlisted_sender(c, address)
                                              : unlisted_recipient(c, address);
}

// Address verification is not built; guessing either way would be wrong.
JUDGE(judge_unverified)
{
    const char *address = address_of(c, r);

    if (address == NULL)
        return DUNNO;
    log_warn("%s: address verification is not part of this build", r->kind->name);
    return defer_if_permit(
        c, r->kind->subject, 451, "4.3.5", "%s",
        class_text(c, r->kind->subject, address, "address verification problem"));
}

// Without SASL nobody is logged in: only the unauthenticated half can ever apply.
JUDGE(judge_login_mismatch)
{
    const char *address = address_of(c, r), *owners = NULL;
    struct session *s = c->s;
    struct address_search how = {.recipient_delimiter = s->mail->recipient_delimiter};
    struct resolved resolved;
    struct error err = {0};

    if (!(r->kind->how & HOW_LOGIN_UNAUTH) || address == NULL ||
        s->server->login_maps == NULL)
        return DUNNO;
    if (!check_resolve(c, address, &resolved))
        return defer_if_permit(c, SUBJECT_SENDER, 451, "4.3.0",
                               "<%s>: Temporary lookup failure", address);
    switch (maps_find_address(s->server->login_maps, s->msg_arena, resolved.recipient, &how,
                              &owners, NULL, &err)) {
    case TABLE_FAILED:
        return reject_table_error(c, "smtpd_sender_login_maps", &err);
    case TABLE_NOT_FOUND:
        return DUNNO;
    case TABLE_FOUND:
        break;
    }
    return reject_with(c, SUBJECT_SENDER, 553, "5.7.1", "%s",
                       class_text(c, SUBJECT_SENDER, address, "not logged in"));
}
