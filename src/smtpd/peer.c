// peer: who the client is: address, name by the DNS, and the address it connected to.
#include "smtpd/peer.h"
#include "dns/dns.h"
#include "util/log.h"
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

union any_address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
};

// ::ffff:192.0.2.1 becomes 192.0.2.1, so that mynetworks and tables need one form only.
static void unmap_ipv4(union any_address *addr, socklen_t *len)
{
    if (addr->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
        return;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = addr->in6.sin6_port};

    memcpy(&in.sin_addr, &addr->in6.sin6_addr.s6_addr[12], 4);
    addr->in = in;
    *len = sizeof(in);
}

static bool print_address(struct arena *arena, const union any_address *addr, socklen_t len,
                          const char **host, const char **port)
{
    char host_text[NI_MAXHOST], port_text[NI_MAXSERV];

    if (getnameinfo(&addr->sa, len, host_text, sizeof(host_text), port_text,
                    sizeof(port_text), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    host_text[strcspn(host_text, "%")] = '\0'; // no scope of link-local addresses
    *host = arena_strdup(arena, host_text);
    *port = arena_strdup(arena, port_text);
    return true;
}

static enum peer_name_status status_of(int failed)
{
    return failed == EAI_AGAIN || failed == EAI_SYSTEM || failed == EAI_MEMORY
               ? PEER_NAME_TEMPORARY
               : PEER_NAME_PERMANENT;
}

// The name has to lead back to the address; else anybody could claim any name.
static void confirm_name(struct arena *arena, struct peer *peer, const char *name)
{
    struct addrinfo hints = {.ai_family = peer->family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int failed = getaddrinfo(name, NULL, &hints, &list);

    if (failed != 0) {
        log_warn("hostname %s does not resolve to address %s: %s", name, peer->addr,
                 gai_strerror(failed));
        peer->name_status = status_of(failed);
        return;
    }
    peer->name_status = PEER_NAME_FORGED;
    for (struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        union any_address addr = {0};
        socklen_t len = ai->ai_addrlen;
        const char *text, *port;

        if (len > sizeof(addr))
            continue;
        memcpy(&addr, ai->ai_addr, len);
        unmap_ipv4(&addr, &len);
        if (print_address(arena, &addr, len, &text, &port) && strcmp(text, peer->addr) == 0)
            peer->name_status = PEER_NAME_OK;
    }
    freeaddrinfo(list);
    if (peer->name_status == PEER_NAME_OK)
        peer->name = name;
    else
        log_warn("hostname %s does not resolve to address %s", name, peer->addr);
}

static void find_name(struct arena *arena, const union any_address *addr, socklen_t len,
                      struct peer *peer)
{
    char name[NI_MAXHOST];
    int failed = getnameinfo(&addr->sa, len, name, sizeof(name), NULL, 0, NI_NAMEREQD);

    if (failed != 0) {
        peer->name_status = peer->reverse_status = status_of(failed);
        return;
    }
    // A numeric "name" would match address patterns; a malformed one, anything.
    if (host_ipv4_is_valid(str_c(name)) || host_ipv6_is_valid(str_c(name)) ||
        !host_name_is_valid(str_c(name))) {
        log_warn("malformed host name in reverse lookup of address %s", peer->addr);
        return;
    }
    peer->reverse_name = arena_strdup(arena, name);
    peer->reverse_status = PEER_NAME_OK;
    confirm_name(arena, peer, peer->reverse_name);
}

void peer_derive(struct arena *arena, struct peer *peer, bool log_port)
{
    peer->rfc_addr = peer->family == AF_INET6 && strchr(peer->addr, ':') != NULL
                         ? arena_printf(arena, "IPv6:%s", peer->addr)
                         : peer->addr;
    peer->namaddr =
        log_port ? arena_printf(arena, "%s[%s]:%s", peer->name, peer->addr, peer->port)
                 : arena_printf(arena, "%s[%s]", peer->name, peer->addr);
}

void peer_find(struct arena *arena, int fd, bool look_up_name, struct peer *peer)
{
    union any_address addr = {0}, local = {0};
    socklen_t len = sizeof(addr), local_len = sizeof(local);

    *peer = (struct peer){
        .name = "localhost",
        .reverse_name = "localhost",
        .addr = "127.0.0.1",
        .port = "0",
        .family = AF_UNIX,
        .server_addr = "127.0.0.1",
        .server_port = "0",
    };
    if (fd < 0 || getpeername(fd, &addr.sa, &len) != 0 ||
        (addr.sa.sa_family != AF_INET && addr.sa.sa_family != AF_INET6))
        return;
    unmap_ipv4(&addr, &len);
    peer->family = addr.sa.sa_family;
    peer->name = peer->reverse_name = "unknown";
    peer->name_status = peer->reverse_status = PEER_NAME_PERMANENT;
    if (!print_address(arena, &addr, len, &peer->addr, &peer->port)) {
        peer->addr = peer->port = "unknown";
        return;
    }
    if (getsockname(fd, &local.sa, &local_len) == 0) {
        unmap_ipv4(&local, &local_len);
        if (!print_address(arena, &local, local_len, &peer->server_addr,
                           &peer->server_port))
            peer->server_addr = peer->server_port = "";
    }
    if (look_up_name)
        find_name(arena, &addr, len, peer);
}
