// own_addresses: the addresses on which this system receives mail (inet_interfaces,
// proxy_interfaces).
#pragma once
#include "config/mail_config.h"
#include "util/arena.h"

struct own_addresses {
    const char **interfaces, **proxies; // printable
    size_t interfaces_len, proxies_len;
};

void own_addresses_find(struct arena *arena, const struct mail_config *mail,
                        struct own_addresses *own);
bool own_addresses_has(const struct own_addresses *own, const char *addr,
                       bool with_proxies);
