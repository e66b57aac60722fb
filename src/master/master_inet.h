// master_inet: which addresses and port an "inet" service of master.cf listens on.
#pragma once
#include "config/mail_config.h"
#include "master/master_config.h"
#include "util/arena.h"
#include "util/error.h"
#include <sys/socket.h>

struct inet_addr {
    struct sockaddr_storage addr;
    socklen_t len;
};

struct inet_addrs {
    struct inet_addr *items;
    size_t len;
};

// Splits "port", "host:port" or "[v6]:port"; `*host` is "" when there is none.
MUST_CHECK bool inet_name_split(struct arena *arena, const char *name, const char **host,
                                const char **port, struct error *err);

// The number of a port: digits, a name of known_tcp_ports, or of /etc/services.
MUST_CHECK bool inet_port_find(const char *known_ports, const char *name, uint16_t *port,
                               struct error *err);

// All addresses for service `name`. An empty list means that inet_protocols allows none.
MUST_CHECK bool inet_addrs_find(struct arena *arena, const struct mail_config *mail,
                                const struct master_config *cfg, const char *name,
                                struct inet_addrs *addrs, struct error *err);

// True when clients on other hosts can reach one of them.
bool inet_addrs_are_public(const struct inet_addrs *addrs);
bool inet_addr_equal(const struct inet_addr *a, const struct inet_addr *b);
