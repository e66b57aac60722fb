// own: whether an address is one of this system's (loops by MX records).
#include "smtp/own.h"
#include "util/arena.h"
#include "util/text.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum { BINARY_MAX = 16 };

struct binary {
    int family;
    unsigned char bytes[BINARY_MAX];
};

struct own_addrs {
    const struct mail_config *mail;
    bool ready;
    struct binary *items;
    size_t len;
};

static bool from_sockaddr(const struct sockaddr *addr, struct binary *b)
{
    *b = (struct binary){.family = addr->sa_family};
    if (addr->sa_family == AF_INET)
        memcpy(b->bytes, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
    else if (addr->sa_family == AF_INET6)
        memcpy(b->bytes, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, 16);
    else
        return false;
    return true;
}

static void add(struct own_addrs *own, const struct sockaddr *addr)
{
    struct binary b;

    if (addr == NULL || !from_sockaddr(addr, &b))
        return;
    own->items = mem_realloc(own->items, (own->len + 1) * sizeof *own->items);
    own->items[own->len++] = b;
}

static void add_interfaces(struct own_addrs *own)
{
    struct ifaddrs *list;

    if (getifaddrs(&list) != 0)
        return;
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next)
        add(own, i->ifa_addr);
    freeifaddrs(list);
}

// A name or an address, with or without brackets.
static void add_host(struct own_addrs *own, struct str host)
{
    char name[NI_MAXHOST];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;

    if (str_starts(host, "[") && host.ptr[host.len - 1] == ']')
        host = str_sub(host, 1, host.len - 2);
    if (host.len == 0 || host.len >= sizeof name)
        return;
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return; // master complains about names that nobody knows
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        add(own, a->ai_addr);
    freeaddrinfo(list);
}

static void add_list(struct own_addrs *own, const char *text)
{
    struct str rest = str_c(text), item;

    while (str_take(&rest, ", \t\r\n", &item)) {
        if (str_is_nocase(item, "all")) {
            add_interfaces(own);
        } else if (str_is_nocase(item, "loopback-only")) {
            add_host(own, STR_LIT("127.0.0.1"));
            add_host(own, STR_LIT("::1"));
        } else {
            add_host(own, item);
        }
    }
}

struct own_addrs *own_addrs_new(const struct mail_config *mail)
{
    struct own_addrs *own = mem_alloc(sizeof *own);

    own->mail = mail;
    return own;
}

void own_addrs_free(struct own_addrs *own)
{
    if (own != NULL)
        free(own->items);
    free(own);
}

bool own_address(struct own_addrs *own, const char *address)
{
    struct binary b = {.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET};

    if (own == NULL || inet_pton(b.family, address, b.bytes) != 1)
        return false;
    if (!own->ready) {
        own->ready = true;
        add_list(own, own->mail->inet_interfaces);
        add_list(own, own->mail->proxy_interfaces);
    }
    for (size_t i = 0; i < own->len; i++)
        if (own->items[i].family == b.family &&
            memcmp(own->items[i].bytes, b.bytes, sizeof b.bytes) == 0)
            return true;
    return false;
}
