// rules_helo: restrictions on the name in HELO or EHLO.
#include "dns/dns.h"
#include "smtpd/rules_judges.h"

static struct str without_dot(const char *name)
{
    struct str s = str_c(name);

    return s.len > 1 && s.ptr[s.len - 1] == '.' ? str_sub(s, 0, s.len - 1) : s;
}

static struct verdict reject_helo(struct check *c, long code, const char *dsn,
                                  const char *why)
{
    return reject_with(c, SUBJECT_HELO, code, dsn, "<%s>: Helo command rejected: %s",
                       c->s->helo, why);
}

// "[192.0.2.1]" or "[IPv6:2001:db8::1]", RFC 5321 4.1.3.
static bool is_literal(struct str name, struct str *addr, bool *is_ipv6)
{
    if (name.len < 3 || name.ptr[0] != '[' || name.ptr[name.len - 1] != ']')
        return false;
    *addr = str_sub(name, 1, name.len - 2);
    *is_ipv6 = str_starts_nocase(*addr, "IPv6:");
    if (*is_ipv6)
        *addr = str_from(*addr, 5);
    return true;
}

static struct verdict judge_literal(struct check *c, struct str addr, bool is_ipv6)
{
    if (is_ipv6 ? host_ipv6_is_valid(addr) : host_ipv4_is_valid(addr))
        return DUNNO;
    return reject_helo(c, c->s->cfg->invalid_hostname_reject_code, "5.5.2",
                       "invalid ip address");
}

static bool is_numeric(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] < '0' || name.ptr[i] > '9') && name.ptr[i] != '.')
            return false;
    return name.len > 0;
}

JUDGE(judge_invalid_helo)
{
    struct str name, addr;
    bool is_ipv6;

    (void)r;
    if (c->s->helo == NULL)
        return DUNNO;
    name = without_dot(c->s->helo);
    if (is_literal(name, &addr, &is_ipv6))
        return judge_literal(c, addr, is_ipv6);
    if (is_numeric(name))
        return judge_literal(c, name, false);
    if (!host_name_is_valid(name))
        return reject_helo(c, c->s->cfg->invalid_hostname_reject_code, "5.5.2",
                           "Invalid name");
    return DUNNO;
}

JUDGE(judge_non_fqdn_helo)
{
    struct str name, addr;
    bool is_ipv6;

    (void)r;
    if (c->s->helo == NULL)
        return DUNNO;
    name = without_dot(c->s->helo);
    if (is_literal(name, &addr, &is_ipv6))
        return judge_literal(c, addr, is_ipv6);
    if (!host_name_is_valid(name) || !str_has_char(name, '.'))
        return reject_helo(c, c->s->cfg->non_fqdn_reject_code, "5.5.2",
                           "need fully-qualified hostname");
    return DUNNO;
}

JUDGE(judge_unknown_helo)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_MX};
    const struct session *s = c->s;
    struct str name, addr;
    bool is_ipv6, is_temporary = false;

    (void)r;
    if (s->helo == NULL)
        return DUNNO;
    name = without_dot(s->helo);
    if (is_literal(name, &addr, &is_ipv6))
        return judge_literal(c, addr, is_ipv6);
    for (size_t i = 0; i < COUNT(types); i++) {
        struct dns_answer answer = {0};
        struct error err = {0};

        switch (dns_find(s->msg_arena, arena_text(s->msg_arena, name), types[i], &answer,
                         &err)) {
        case DNS_FOUND:
        case DNS_NULL_MX:
            return DUNNO;
        case DNS_RETRY:
        case DNS_MALFORMED:
            is_temporary = true;
            break;
        default:
            break;
        }
    }
    if (is_temporary)
        return defer_by_action(
            c, s->cfg->unknown_helo_hostname_tempfail_action, SUBJECT_HELO, 450, "4.7.1",
            arena_printf(s->msg_arena, "<%s>: Helo command rejected: Host not found",
                         s->helo));
    return reject_helo(c, s->cfg->unknown_hostname_reject_code, "4.7.1", "Host not found");
}
