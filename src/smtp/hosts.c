// hosts: the addresses to try for a next hop, in order.
#include "smtp/hosts.h"
#include "dns/dns.h"
#include "mail/own_addr.h"
#include "util/log.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { SMTP_PORT = 25, HOSTS_MAX = 200 };

struct search {
    const struct smtp_context *c;
    struct arena *arena;
    struct hosts hosts;
    size_t size;
    struct error temporary; // the first temporary trouble
    struct error last;
};

static void add_host(struct search *s, const char *name, const char *address, int family,
                     unsigned preference)
{
    struct hosts *h = &s->hosts;

    if ((family == AF_INET && !s->c->use_ipv4) || (family == AF_INET6 && !s->c->use_ipv6))
        return;
    if (h->len == HOSTS_MAX)
        return;
    if (h->len == s->size) {
        struct host *more = arena_array(s->arena, s->size * 2 + 8, sizeof *more);

        if (h->len > 0)
            memcpy(more, h->items, h->len * sizeof *more);
        h->items = more;
        s->size = s->size * 2 + 8;
    }
    h->items[h->len++] = (struct host){name, address, family, preference, false};
}

static void add_failure(struct search *s, const struct error *err)
{
    if (err->kind != ERROR_PERMANENT && s->temporary.kind == ERROR_NONE)
        s->temporary = *err;
    s->last = *err;
}

static bool find_by_dns(struct search *s, const char *name, unsigned preference)
{
    static const struct {
        enum dns_type type;
        int family;
    } types[] = {
        {DNS_A,    AF_INET },
        {DNS_AAAA, AF_INET6},
    };
    size_t before = s->hosts.len;

    for (size_t i = 0; i < COUNT(types); i++) {
        struct dns_answer answer;
        struct error err = {0};

        if (types[i].family == AF_INET ? !s->c->use_ipv4 : !s->c->use_ipv6)
            continue;
        enum dns_result result =
            dns_find_with(s->arena, name, types[i].type, s->c->dns_flags, &answer, &err);
        if (result != DNS_FOUND) {
            add_failure(s, &err);
            if (result == DNS_NO_HOST)
                break; // the other type will not exist either
            continue;
        }
        for (size_t k = 0; k < answer.len; k++)
            add_host(s, name, answer.records[k].address, types[i].family, preference);
    }
    return s->hosts.len > before;
}

// By the system's own ways: /etc/hosts and what nsswitch.conf says.
static bool find_by_system(struct search *s, const char *name, unsigned preference)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;
    size_t before = s->hosts.len;
    int code = getaddrinfo(name, NULL, &hints, &list);
    struct error err = {0};

    if (code != 0) {
        if (code == EAI_AGAIN || code == EAI_MEMORY || code == EAI_SYSTEM)
            (void)error_temp(&err, "4.4.3", "unable to look up host %s: %s", name,
                             gai_strerror(code));
        else
            (void)error_perm(&err, "5.4.4", "unable to look up host %s: %s", name,
                             gai_strerror(code));
        add_failure(s, &err);
        return false;
    }
    for (struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        char text[NI_MAXHOST];

        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) == 0)
            add_host(s, name, arena_strdup(s->arena, text), a->ai_family, preference);
    }
    freeaddrinfo(list);
    return s->hosts.len > before;
}

static void find_addresses(struct search *s, const char *name, unsigned preference)
{
    if (host_ipv4_is_valid(str_c(name))) { // a numeric MX target
        add_host(s, name, name, AF_INET, preference);
        return;
    }
    if (s->c->lookup_dns && find_by_dns(s, name, preference))
        return;
    if (s->c->lookup_native)
        (void)find_by_system(s, name, preference);
}

// Cuts the list at our own place in it (RFC 5321 5.1): what is as far as we are, or
// farther, is no progress. False when nothing better than ourselves is there.
static bool cut_at_self(struct search *s)
{
    unsigned own = UINT32_MAX;
    size_t kept = 0;

    for (size_t i = 0; i < s->hosts.len; i++)
        if (s->hosts.items[i].preference < own &&
            own_addr_has(s->c->own, s->hosts.items[i].address, OWN_ADDR_ANY))
            own = s->hosts.items[i].preference;
    if (own == UINT32_MAX)
        return true;
    for (size_t i = 0; i < s->hosts.len; i++)
        if (s->hosts.items[i].preference < own)
            s->hosts.items[kept++] = s->hosts.items[i];
    s->hosts.len = kept;
    s->hosts.is_backup = true;
    return kept > 0;
}

static bool find_mx(struct search *s, const char *domain, struct error *err)
{
    struct dns_answer answer;
    enum dns_result result =
        dns_find_with(s->arena, domain, DNS_MX, s->c->dns_flags, &answer, err);

    switch (result) {
    case DNS_FOUND:
        break;
    case DNS_NO_HOST:
    case DNS_NO_DATA: // RFC 5321 5.1: the domain itself is the host
        find_addresses(s, domain, 0);
        return true;
    case DNS_NULL_MX:
        return false;
    default:
        if (!s->c->cfg->ignore_mx_lookup_error)
            return false;
        find_addresses(s, domain, 0);
        return true;
    }
    for (size_t i = 0; i < answer.len; i++)
        find_addresses(s, answer.records[i].name, answer.records[i].preference);
    if (s->hosts.len > 0 || s->temporary.kind != ERROR_NONE)
        return true;
    log_warn("no MX host for %s has a valid address record", domain);
    if (s->c->cfg->defer_if_no_mx_address_found)
        (void)error_temp(&s->temporary, "4.4.4", "%s", s->last.text);
    return true;
}

static int compare_preference(const void *a, const void *b)
{
    const struct host *x = a, *y = b;

    return x->preference < y->preference ? -1 : x->preference > y->preference;
}

static void swap(struct host *a, struct host *b)
{
    struct host t = *a;

    *a = *b;
    *b = t;
}

static bool is_family(const struct host *host, enum family_preference family)
{
    return (family == FAMILY_IPV4 && host->family == AF_INET) ||
           (family == FAMILY_IPV6 && host->family == AF_INET6);
}

// Brings the preferred family to the front of one preference, keeping the order otherwise.
static void prefer_family(struct host *items, size_t len, enum family_preference family)
{
    size_t front = 0;

    for (size_t i = 0; i < len; i++)
        if (is_family(&items[i], family)) {
            struct host found = items[i];

            memmove(&items[front + 1], &items[front], (i - front) * sizeof *items);
            items[front++] = found;
        }
}

void hosts_sort(struct hosts *hosts, enum family_preference family, bool shuffle)
{
    if (hosts->len == 0)
        return;
    if (shuffle)
        for (size_t i = hosts->len - 1; i > 0; i--)
            swap(&hosts->items[i], &hosts->items[arc4random_uniform((uint32_t)i + 1)]);
    // Few elements, and equal ones must keep their (shuffled or given) order.
    for (size_t i = 1; i < hosts->len; i++)
        for (size_t k = i; k > 0; k--) {
            if (compare_preference(&hosts->items[k - 1], &hosts->items[k]) <= 0)
                break;
            swap(&hosts->items[k - 1], &hosts->items[k]);
        }
    for (size_t start = 0, end; start < hosts->len; start = end) {
        for (end = start; end < hosts->len; end++)
            if (hosts->items[end].preference != hosts->items[start].preference)
                break;
        if (family != FAMILY_ANY)
            prefer_family(hosts->items + start, end - start, family);
    }
    for (size_t i = 0; i < hosts->len; i++)
        hosts->items[i].best = hosts->items[i].preference == hosts->items[0].preference;
}

void hosts_limit(struct hosts *hosts, size_t limit, bool balance)
{
    size_t kept = 0, taken[2] = {0, 0}, total[2] = {0, 0};

    if (limit == 0 || hosts->len <= limit)
        return;
    for (size_t i = 0; i < hosts->len; i++)
        total[hosts->items[i].family == AF_INET6]++;
    // Half for each family, and what one does not need for the other.
    size_t share[2] = {limit, limit};
    if (balance && limit > 1 && total[0] > 0 && total[1] > 0) {
        share[1] = total[1] < limit / 2 ? total[1] : limit / 2;
        share[0] = total[0] < limit - share[1] ? total[0] : limit - share[1];
        share[1] = limit - share[0];
    }
    for (size_t i = 0; i < hosts->len && kept < limit; i++) {
        int family = hosts->items[i].family == AF_INET6;

        if (taken[family]++ < share[family])
            hosts->items[kept++] = hosts->items[i];
    }
    hosts->len = kept;
}

static enum hosts_result loop_found(const struct target *target, struct error *err)
{
    (void)error_perm(err, "5.4.6", "mail for %s loops back to myself", target->host);
    return HOSTS_LOOP;
}

enum hosts_result hosts_find(const struct smtp_context *c, struct arena *arena,
                             const struct target *target, struct hosts *hosts,
                             struct error *err)
{
    struct search s = {.c = c, .arena = arena};
    bool detect_loop = target->port == SMTP_PORT && !c->lmtp;

    if (target->kind == TARGET_ADDRESS) {
        int family = strchr(target->host, ':') != NULL ? AF_INET6 : AF_INET;

        add_host(&s, target->host, target->host, family, 0);
        if (s.hosts.len == 0)
            (void)error_temp(&s.last, "4.4.4", "host %s: network protocol is disabled",
                             target->host);
    } else if (target->kind == TARGET_DOMAIN && c->lookup_dns) {
        if (!find_mx(&s, target->host, err))
            return HOSTS_NONE;
    } else {
        find_addresses(&s, target->host, 0);
    }
    if (s.hosts.len == 0) {
        *err = s.temporary.kind != ERROR_NONE ? s.temporary : s.last;
        if (err->kind == ERROR_NONE)
            (void)error_perm(err, "5.4.4", "unable to look up host %s: not found",
                             target->host);
        return HOSTS_NONE;
    }
    if (detect_loop && !cut_at_self(&s))
        return loop_found(target, err);
    hosts_sort(&s.hosts, c->preference, c->cfg->randomize_addresses);
    hosts_limit(&s.hosts, (size_t)c->cfg->mx_address_limit,
                c->cfg->balance_inet_protocols && c->preference == FAMILY_ANY);
    *hosts = s.hosts;
    return HOSTS_FOUND;
}
