// target: the text of a next hop ("[host]:port", "domain", "unix:path") as typed values.
#pragma once
#include "util/arena.h"
#include "util/error.h"

enum target_kind {
    TARGET_DOMAIN,  // look up MX
    TARGET_HOST,    // "[name]", or any name for LMTP: no MX
    TARGET_ADDRESS, // "[a.b.c.d]", "[ipv6:...]"
    TARGET_UNIX,    // path of a socket
};

struct target {
    enum target_kind kind;
    const char *text; // as given, without "inet:"
    const char *host; // name (in ASCII), address or path
    uint16_t port;
};

// `default_port` as in smtp_tcp_port; names of ports by `known_ports` ("smtp=25, ..."),
// then the system's. `lmtp`: names are hosts. An unusable text is a permanent error 5.1.3
// or config.
MUST_CHECK bool target_parse(struct arena *arena, const char *text, bool lmtp,
                             const char *default_port, const char *known_ports,
                             struct target *target, struct error *err);
