// own_addresses: the addresses on which this system receives mail (inet_interfaces,
// proxy_interfaces).
#include "smtpd/own_addresses.h"
#include "util/text.h"
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void add_address(struct arena *arena, struct text_list *list,
                        const struct sockaddr *sa, socklen_t len)
{
    char text[NI_MAXHOST];

    if (getnameinfo(sa, len, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
        return;
    text[strcspn(text, "%")] = '\0';
    if (!text_list_has_nocase(list, text))
        text_list_add(arena, list, arena_strdup(arena, text));
}

static void add_system(struct arena *arena, struct text_list *list)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) != 0)
        return;
    for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
        if (i->ifa_addr == NULL)
            continue;
        if (i->ifa_addr->sa_family == AF_INET)
            add_address(arena, list, i->ifa_addr, sizeof(struct sockaddr_in));
        else if (i->ifa_addr->sa_family == AF_INET6)
            add_address(arena, list, i->ifa_addr, sizeof(struct sockaddr_in6));
    }
    freeifaddrs(all);
}

static void add_host(struct arena *arena, struct text_list *list, struct str name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;

    if (name.len > 2 && name.ptr[0] == '[')
        name = str_sub(name, 1, name.len - 2);
    if (getaddrinfo(arena_text(arena, name), NULL, &hints, &found) != 0)
        return;
    for (struct addrinfo *ai = found; ai != NULL; ai = ai->ai_next)
        add_address(arena, list, ai->ai_addr, ai->ai_addrlen);
    freeaddrinfo(found);
}

static void add_names(struct arena *arena, struct text_list *list, const char *text)
{
    struct str rest = str_c(text), word;

    while (text_take_element(&rest, &word) && word.ptr != NULL) {
        if (str_is_nocase(word, "all")) {
            add_system(arena, list);
        } else if (str_is_nocase(word, "loopback-only")) {
            add_host(arena, list, str_c("127.0.0.1"));
            add_host(arena, list, str_c("::1"));
        } else {
            add_host(arena, list, word);
        }
    }
}

void own_addresses_find(struct arena *arena, const struct mail_config *mail,
                        struct own_addresses *own)
{
    struct text_list interfaces = {0}, proxies = {0};

    add_names(arena, &interfaces, mail->inet_interfaces);
    add_names(arena, &proxies, mail->proxy_interfaces);
    *own = (struct own_addresses){.interfaces = interfaces.items,
                                  .interfaces_len = interfaces.len,
                                  .proxies = proxies.items,
                                  .proxies_len = proxies.len};
}

static bool has(const char *const *list, size_t len, const char *addr)
{
    for (size_t i = 0; i < len; i++)
        if (str_is_nocase(str_c(addr), list[i]))
            return true;
    return false;
}

bool own_addresses_has(const struct own_addresses *own, const char *addr, bool with_proxies)
{
    return own != NULL && (has(own->interfaces, own->interfaces_len, addr) ||
                           (with_proxies && has(own->proxies, own->proxies_len, addr)));
}
