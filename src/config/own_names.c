// own_names: defaults that only the machine knows: its name, its domain, its networks.
#include "config/own_names.h"
#include "config/main_cf.h"
#include "util/buf.h"
#include "util/log.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static const char *expanded(const struct main_cf *cf, struct arena *arena, const char *text)
{
    const char *result;

    return main_cf_expand(cf, arena, text, &result, NULL) ? result : "";
}

const char *own_host_name(const struct main_cf *cf, struct arena *arena)
{
    char name[256] = "";

    if (gethostname(name, sizeof(name) - 1) < 0 || name[0] == '\0')
        return "localhost.localdomain";
    if (strchr(name, '.') != NULL)
        return arena_strdup(arena, name);
    // Not through the default of mydomain, which would ask for the host name again.
    const char *domain = main_cf_get(cf, "mydomain");
    domain = domain == NULL ? "localdomain" : expanded(cf, arena, domain);
    return arena_printf(arena, "%s.%s", name, domain);
}

const char *own_domain(const struct main_cf *cf, struct arena *arena)
{
    const char *dot = strchr(expanded(cf, arena, "$myhostname"), '.');

    return dot == NULL || dot[1] == '\0' ? "localdomain" : arena_strdup(arena, dot + 1);
}

// Bits of the network part, by style.
static int prefix_length(const char *style, const unsigned char *addr,
                         const unsigned char *mask, size_t len)
{
    int bits = 0;

    if (str_is_nocase(str_c(style), "host"))
        return (int)len * 8;
    if (str_is_nocase(str_c(style), "class") && len == 4)
        return addr[0] < 128 ? 8 : addr[0] < 192 ? 16 : addr[0] < 224 ? 24 : 32;
    for (size_t i = 0; i < len; i++)
        bits += __builtin_popcount(mask[i]);
    return bits;
}

static void add_network(struct buf *out, const char *style, int family,
                        const unsigned char *addr, const unsigned char *mask, size_t len)
{
    unsigned char net[16];
    char text[INET6_ADDRSTRLEN], entry[INET6_ADDRSTRLEN + 16];
    bool loopback4 = family == AF_INET && addr[0] == 127;
    int bits = loopback4 && !str_is_nocase(str_c(style), "host")
                   ? 8
                   : prefix_length(style, addr, mask, len);

    for (size_t i = 0; i < len; i++) {
        int keep = bits - (int)i * 8;
        keep = keep < 0 ? 0 : keep > 8 ? 8 : keep;
        net[i] = (unsigned char)(addr[i] & (0xff << (8 - keep)));
    }
    if (inet_ntop(family, net, text, sizeof(text)) == NULL)
        return;
    snprintf(entry, sizeof(entry), family == AF_INET6 ? "[%s]/%d" : "%s/%d", text, bits);

    struct str rest = buf_view(out), piece;
    while (str_take(&rest, " ", &piece))
        if (str_is(piece, entry))
            return;
    buf_putf(out, "%s%s", buf_len(out) > 0 ? " " : "", entry);
}

const char *own_networks(const struct main_cf *cf, struct arena *arena)
{
    const char *style = expanded(cf, arena, "$mynetworks_style");
    const char *protocols = expanded(cf, arena, "$inet_protocols");
    bool any = strstr(protocols, "all") != NULL || protocols[0] == '\0';
    bool want4 = any || strstr(protocols, "ipv4") != NULL;
    bool want6 = any || strstr(protocols, "ipv6") != NULL;
    struct buf *out = buf_make(arena, 1 << 20);
    struct ifaddrs *list;

    if (getifaddrs(&list) < 0) {
        log_warn("cannot list network interfaces: %m");
        return "127.0.0.0/8";
    }
    for (struct ifaddrs *ifa = list; ifa != NULL; ifa = ifa->ifa_next) {
        if (ifa->ifa_addr == NULL || ifa->ifa_netmask == NULL || !(ifa->ifa_flags & IFF_UP))
            continue;
        if (ifa->ifa_addr->sa_family == AF_INET && want4) {
            const struct sockaddr_in *a = (const void *)ifa->ifa_addr;
            const struct sockaddr_in *m = (const void *)ifa->ifa_netmask;
            add_network(out, style, AF_INET, (const void *)&a->sin_addr,
                        (const void *)&m->sin_addr, 4);
        } else if (ifa->ifa_addr->sa_family == AF_INET6 && want6) {
            const struct sockaddr_in6 *a = (const void *)ifa->ifa_addr;
            const struct sockaddr_in6 *m = (const void *)ifa->ifa_netmask;
            add_network(out, style, AF_INET6, (const void *)&a->sin6_addr,
                        (const void *)&m->sin6_addr, 16);
        }
    }
    freeifaddrs(list);
    return buf_text(out);
}
