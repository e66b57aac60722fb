// master_inet: which addresses and port an "inet" service of master.cf listens on.
#include "master/master_inet.h"
#include "util/text.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { ADDRS_MAX = 64 };

struct families {
    bool v4, v6;
};

static bool parse_families(struct arena *arena, const char *text, struct families *families,
                           struct error *err)
{
    struct text_list list = {0};

    *families = (struct families){0};
    if (!text_list_parse(arena, text, &list, err))
        return error_prefix(err, "inet_protocols");
    for (size_t i = 0; i < list.len; i++) {
        bool all = strcasecmp(list.items[i], "all") == 0;
        bool v4 = strcasecmp(list.items[i], "ipv4") == 0;
        bool v6 = strcasecmp(list.items[i], "ipv6") == 0;

        if (!all && !v4 && !v6)
            return error_config(err, "inet_protocols: unknown protocol \"%s\"",
                                list.items[i]);
        families->v4 |= all || v4;
        families->v6 |= all || v6;
    }
    return true;
}

bool inet_name_split(struct arena *arena, const char *name, const char **host,
                     const char **port, struct error *err)
{
    struct str text = str_c(name);
    struct str host_part = {"", 0};
    size_t colon = str_rindex(text, ':');

    if (text.len > 0 && text.ptr[0] == '[') {
        size_t bracket = str_index(text, ']');
        if (bracket == SIZE_MAX || bracket + 1 >= text.len || text.ptr[bracket + 1] != ':')
            return error_config(err, "missing ']:' in \"%s\"", name);
        host_part = str_sub(text, 1, bracket - 1);
        colon = bracket + 1;
    } else if (colon != SIZE_MAX) {
        host_part = str_sub(text, 0, colon);
    }
    struct str port_part = colon == SIZE_MAX ? text : str_from(text, colon + 1);
    if (port_part.len == 0)
        return error_config(err, "missing port in \"%s\"", name);
    *host = arena_text(arena, host_part);
    *port = arena_text(arena, port_part);
    return true;
}

// "smtps=submissions=465, smtp=25": all names before the last '=' stand for the number.
static bool find_known_port(const char *known_ports, const char *name, uint64_t *port)
{
    struct str rest = str_c(known_ports);
    struct str element;

    while (str_take(&rest, ", \t\r\n", &element)) {
        size_t last = str_rindex(element, '=');
        struct str names = last == SIZE_MAX ? str_n("", 0) : str_sub(element, 0, last);
        struct str one;

        while (str_split(&names, '=', &one))
            if (str_is(one, name) && str_to_u64(str_from(element, last + 1), port))
                return true;
    }
    return false;
}

bool inet_port_find(const char *known_ports, const char *name, uint16_t *port,
                    struct error *err)
{
    uint64_t number = 0;

    if (!str_to_u64(str_c(name), &number) && !find_known_port(known_ports, name, &number)) {
        const struct servent *entry = getservbyname(name, "tcp");
        if (entry == NULL)
            return error_config(err, "unknown port name: %s", name);
        number = ntohs((uint16_t)entry->s_port);
    }
    if (number == 0 || number > UINT16_MAX)
        return error_config(err, "bad port number: %s", name);
    *port = (uint16_t)number;
    return true;
}

bool inet_addr_equal(const struct inet_addr *a, const struct inet_addr *b)
{
    return a->len == b->len && memcmp(&a->addr, &b->addr, a->len) == 0;
}

static void add_addr(struct inet_addrs *addrs, const void *addr, socklen_t len)
{
    struct inet_addr item = {.len = len};

    memcpy(&item.addr, addr, len);
    for (size_t i = 0; i < addrs->len; i++)
        if (inet_addr_equal(&addrs->items[i], &item))
            return;
    if (addrs->len < ADDRS_MAX)
        addrs->items[addrs->len++] = item;
}

static void add_v4(struct inet_addrs *addrs, uint32_t host, uint16_t port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};

    add_addr(addrs, &in, sizeof(in));
}

static void add_v6(struct inet_addrs *addrs, struct in6_addr host, uint16_t port)
{
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = host};

    add_addr(addrs, &in6, sizeof(in6));
}

// A name may have addresses of both families; a literal has one.
static bool add_host(struct inet_addrs *addrs, struct families families, const char *host,
                     uint16_t port, struct error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    size_t len = strlen(host);
    char plain[NI_MAXHOST];

    snprintf(plain, sizeof(plain), "%s", host);
    if (host[0] == '[' && len > 2 && host[len - 1] == ']')
        snprintf(plain, sizeof(plain), "%.*s", (int)(len - 2), host + 1);
    int result = getaddrinfo(plain, NULL, &hints, &found);
    if (result != 0)
        return error_config(err, "bad hostname or network address: %s: %s", host,
                            gai_strerror(result));
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        if (a->ai_family == AF_INET && families.v4) {
            struct sockaddr_in in;
            memcpy(&in, a->ai_addr, sizeof(in));
            add_v4(addrs, ntohl(in.sin_addr.s_addr), port);
        } else if (a->ai_family == AF_INET6 && families.v6) {
            struct sockaddr_in6 in6;
            memcpy(&in6, a->ai_addr, sizeof(in6));
            in6.sin6_port = htons(port);
            add_addr(addrs, &in6, sizeof(in6)); // with the scope of a link-local address
        }
    }
    freeaddrinfo(found);
    return true;
}

static bool add_interfaces(struct arena *arena, struct inet_addrs *addrs,
                           struct families families, const char *interfaces, uint16_t port,
                           struct error *err)
{
    struct text_list list = {0};

    if (!text_list_parse(arena, interfaces, &list, err))
        return error_prefix(err, "inet_interfaces");
    for (size_t i = 0; i < list.len; i++) {
        bool all = strcasecmp(list.items[i], "all") == 0;

        if (!all && strcasecmp(list.items[i], "loopback-only") != 0) {
            if (!add_host(addrs, families, list.items[i], port, err))
                return error_prefix(err, "inet_interfaces");
            continue;
        }
        if (families.v4)
            add_v4(addrs, all ? INADDR_ANY : INADDR_LOOPBACK, port);
        if (families.v6)
            add_v6(addrs, all ? in6addr_any : in6addr_loopback, port);
    }
    return true;
}

bool inet_addrs_find(struct arena *arena, const struct mail_config *mail,
                     const struct master_config *cfg, const char *name,
                     struct inet_addrs *addrs, struct error *err)
{
    const char *host, *port_name;
    struct families families;
    uint16_t port;

    *addrs =
        (struct inet_addrs){.items = arena_array(arena, ADDRS_MAX, sizeof(*addrs->items))};
    if (!parse_families(arena, mail->inet_protocols, &families, err) ||
        !inet_name_split(arena, name, &host, &port_name, err) ||
        !inet_port_find(cfg->known_tcp_ports, port_name, &port, err))
        return false;
    if (host[0] != '\0')
        return add_host(addrs, families, host, port, err);
    return add_interfaces(arena, addrs, families, mail->inet_interfaces, port, err);
}

static bool is_loopback(const struct inet_addr *addr)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (addr->addr.ss_family == AF_INET) {
        memcpy(&in, &addr->addr, sizeof(in));
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    memcpy(&in6, &addr->addr, sizeof(in6));
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

bool inet_addrs_are_public(const struct inet_addrs *addrs)
{
    for (size_t i = 0; i < addrs->len; i++)
        if (!is_loopback(&addrs->items[i]))
            return true;
    return false;
}
