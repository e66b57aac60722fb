// own_addr: the addresses at which this system receives mail.
#include "mail/own_addr.h"
#include "table/network.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/text.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

struct own_entry {
    struct network net;
    unsigned kind;
};

struct own_addr {
    struct own_entry *entries;
    size_t len, room;
    bool ipv4, ipv6;
};

static void add(struct own_addr *own, const struct sockaddr *sa, unsigned kind)
{
    struct own_entry entry = {.kind = kind};

    if (sa->sa_family == AF_INET && own->ipv4)
        memcpy(entry.net.bytes, &((const struct sockaddr_in *)sa)->sin_addr, 4);
    else if (sa->sa_family == AF_INET6 && own->ipv6)
        memcpy(entry.net.bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
    else
        return;
    entry.net.family = sa->sa_family;
    entry.net.prefix = sa->sa_family == AF_INET ? 32 : 128;
    if (own->len == own->room) {
        own->room = own->room == 0 ? 8 : 2 * own->room;
        own->entries = mem_realloc(own->entries, own->room * sizeof(*own->entries));
    }
    own->entries[own->len++] = entry;
}

static void add_interfaces(struct own_addr *own, bool only_loopback)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) < 0) {
        log_warn("cannot list the network interfaces: %m");
        return;
    }
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
        if (i->ifa_addr != NULL && (i->ifa_flags & IFF_UP) &&
            (!only_loopback || (i->ifa_flags & IFF_LOOPBACK)))
            add(own, i->ifa_addr, OWN_ADDR_INTERFACE);
    freeifaddrs(list);
}

static void add_host(struct own_addr *own, const char *name, unsigned kind)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM},
                    *list = NULL;
    int failure = getaddrinfo(name, NULL, &hints, &list);

    if (failure != 0) {
        log_warn("%s: host not found: %s",
                 kind == OWN_ADDR_PROXY ? "proxy_interfaces" : "inet_interfaces", name);
        return;
    }
    for (const struct addrinfo *i = list; i != NULL; i = i->ai_next)
        add(own, i->ai_addr, kind);
    freeaddrinfo(list);
}

static void add_list(struct own_addr *own, const char *text, unsigned kind)
{
    struct arena *scratch = arena_new();
    struct str rest = str_c(text), name;

    while (str_take(&rest, ", \t\r\n", &name)) {
        if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
            name = str_sub(name, 1, name.len - 2);
        if (kind == OWN_ADDR_INTERFACE && str_is_nocase(name, "all"))
            add_interfaces(own, false);
        else if (kind == OWN_ADDR_INTERFACE && str_is_nocase(name, "loopback-only"))
            add_interfaces(own, true);
        else
            add_host(own, arena_text(scratch, name), kind);
    }
    arena_free(scratch);
}

static bool lists(const char *protocols, const char *name)
{
    struct str rest = str_c(protocols), one;

    while (str_take(&rest, ", \t\r\n", &one))
        if (str_is_nocase(one, name) || str_is_nocase(one, "all"))
            return true;
    return false;
}

struct own_addr *own_addr_open(const struct mail_config *cfg)
{
    struct own_addr *own = mem_alloc(sizeof(*own));

    own->ipv4 = lists(cfg->inet_protocols, "ipv4");
    own->ipv6 = lists(cfg->inet_protocols, "ipv6");
    add_list(own, cfg->inet_interfaces, OWN_ADDR_INTERFACE);
    add_list(own, cfg->proxy_interfaces, OWN_ADDR_PROXY);
    return own;
}

void own_addr_free(struct own_addr *own)
{
    if (own == NULL)
        return;
    free(own->entries);
    free(own);
}

bool own_addr_has(const struct own_addr *own, const char *address, enum own_addr_kind kinds)
{
    struct str text = str_c(address);
    struct network net;

    if (own == NULL)
        return false;
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = str_sub(text, 1, text.len - 2);
    if (str_starts_nocase(text, "IPv6:"))
        text = str_from(text, 5);
    if (!network_parse_address(text, &net))
        return false;
    for (size_t i = 0; i < own->len; i++)
        if ((own->entries[i].kind & kinds) && network_has(&own->entries[i].net, &net))
            return true;
    return false;
}
