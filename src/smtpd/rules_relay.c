// rules_relay: who may send where: the rules that keep this host from being an open relay.
#include "dns/dns.h"
#include "mail/address.h"
#include "mail/own_addr.h"
#include "smtpd/rules_judges.h"
#include "util/log.h"

enum destination { DESTINATION_OURS, DESTINATION_ELSEWHERE, DESTINATION_UNKNOWN };

// Ours: a domain that this host is final for or relays to, reached without a route that the
// sender wrote into the local part.
static enum destination destination_of(struct check *c, const char *address,
                                       struct resolved *resolved)
{
    struct str local, domain;

    if (!check_resolve(c, address, resolved))
        return DESTINATION_UNKNOWN;
    address_split(str_c(resolved->recipient), &local, &domain);
    if ((resolved->flags & RESOLVE_ROUTED) && !c->s->cfg->allow_untrusted_routing)
        return DESTINATION_ELSEWHERE;
    if (domain.len == 0)
        return DESTINATION_OURS;
    return resolved->flags & (RESOLVE_CLASS_MASK & ~RESOLVE_CLASS_DEFAULT)
               ? DESTINATION_OURS
               : DESTINATION_ELSEWHERE;
}

static struct verdict reject_unknown(struct check *c)
{
    return reject_with(c, SUBJECT_RECIPIENT, 451, "4.3.0", "<%s>: Temporary lookup failure",
                       c->recipient);
}

JUDGE(judge_permit_auth_destination)
{
    struct resolved resolved;

    (void)r;
    if (c->recipient == NULL)
        return DUNNO;
    switch (destination_of(c, c->recipient, &resolved)) {
    case DESTINATION_OURS:
        return PERMIT;
    case DESTINATION_UNKNOWN:
        return reject_unknown(c);
    case DESTINATION_ELSEWHERE:
        break;
    }
    return DUNNO;
}

JUDGE(judge_unauth_destination)
{
    struct resolved resolved;

    if (c->recipient == NULL)
        return DUNNO;
    switch (destination_of(c, c->recipient, &resolved)) {
    case DESTINATION_OURS:
        return DUNNO;
    case DESTINATION_UNKNOWN:
        return reject_unknown(c);
    case DESTINATION_ELSEWHERE:
        break;
    }
    return reject_with(c, SUBJECT_RECIPIENT,
                       r->kind->how == HOW_DEFER ? 454
                                                 : c->s->cfg->relay_domains_reject_code,
                       "5.7.1", "<%s>: Relay access denied", c->recipient);
}

// Whether one of the host's addresses is ours.
static bool host_is_ours(struct check *c, const char *host)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};

    for (size_t i = 0; i < COUNT(types); i++) {
        struct dns_answer answer = {0};
        struct error err = {0};

        if (dns_find(c->s->msg_arena, host, types[i], &answer, &err) != DNS_FOUND)
            continue;
        for (size_t k = 0; k < answer.len; k++)
            if (answer.records[k].address != NULL &&
                own_addr_has(c->s->server->own, answer.records[k].address, OWN_ADDR_ANY))
                return true;
    }
    return false;
}

// Every address of the primary MX hosts has to be in permit_mx_backup_networks.
static bool host_is_in_networks(struct check *c, struct match_list *networks,
                                const char *host)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    size_t inside = 0;

    for (size_t i = 0; i < COUNT(types); i++) {
        struct dns_answer answer = {0};
        struct error err = {0};

        if (dns_find(c->s->msg_arena, host, types[i], &answer, &err) != DNS_FOUND)
            continue;
        for (size_t k = 0; k < answer.len; k++) {
            const char *addr = answer.records[k].address;

            if (addr == NULL)
                continue;
            if (match_list_find(networks, addr, addr, &err) != MATCH_YES)
                return false;
            inside++;
        }
    }
    return inside > 0;
}

JUDGE(judge_permit_mx_backup)
{
    struct session *s = c->s;
    struct match_list *networks = s->server->mx_backup_networks;
    struct resolved resolved;
    struct dns_answer answer = {0};
    struct error err = {0};
    struct str local, domain;
    bool is_ours = false;
    uint16_t best = UINT16_MAX;

    (void)r;
    if (c->recipient == NULL)
        return DUNNO;
    switch (destination_of(c, c->recipient, &resolved)) {
    case DESTINATION_OURS:
        return PERMIT;
    case DESTINATION_UNKNOWN:
        return reject_unknown(c);
    case DESTINATION_ELSEWHERE:
        break;
    }
    address_split(str_c(resolved.recipient), &local, &domain);
    if ((resolved.flags & RESOLVE_ROUTED) || domain.len == 0 || domain.ptr[0] == '[')
        return DUNNO;
    switch (
        dns_find(s->msg_arena, arena_text(s->msg_arena, domain), DNS_MX, &answer, &err)) {
    case DNS_FOUND:
        break;
    case DNS_RETRY:
        return defer_if_permit(
            c, SUBJECT_RECIPIENT, 450, "4.4.4",
            "<%s>: %s rejected: Unable to look up mail exchanger information", c->recipient,
            subject_class(SUBJECT_RECIPIENT));
    default:
        return DUNNO;
    }
    for (size_t i = 0; i < answer.len; i++) {
        best = answer.records[i].preference < best ? answer.records[i].preference : best;
        is_ours = is_ours || host_is_ours(c, answer.records[i].name);
    }
    if (!is_ours)
        return DUNNO;
    for (size_t i = 0; networks != NULL && i < answer.len; i++)
        if (answer.records[i].preference == best &&
            !host_is_in_networks(c, networks, answer.records[i].name))
            return DUNNO;
    return PERMIT;
}
