// peer: who the client is: address, name by the DNS, and the address it connected to.
#pragma once
#include "util/arena.h"
#include "util/error.h"

enum peer_name_status {
    PEER_NAME_OK,
    PEER_NAME_TEMPORARY, // no answer from the DNS
    PEER_NAME_PERMANENT, // there is none
    PEER_NAME_FORGED,    // the name does not resolve to the address
};

struct peer {
    const char *name, *reverse_name; // "unknown" when not verified, when there is none
    enum peer_name_status name_status, reverse_status;
    const char *addr;        // printable, "unknown" when not known
    const char *rfc_addr;    // as RFC 5321 writes it: "IPv6:::1"
    const char *port;        // "unknown" when not known
    int family;              // AF_INET, AF_INET6; AF_UNIX when neither
    const char *server_addr; // "" when not known
    const char *server_port;
    const char *namaddr; // "NAME[ADDR]" as the log shows it
};

// Finds out about the peer of `fd`; a pipe or local socket is "localhost[127.0.0.1]".
void peer_find(struct arena *arena, int fd, bool look_up_name, struct peer *peer);
// After a change of name or address (XCLIENT): rfc_addr and namaddr.
void peer_derive(struct arena *arena, struct peer *peer, bool log_port);
