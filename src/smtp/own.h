// own: whether an address is one of this system's (loops by MX records).
#pragma once
#include "config/mail_config.h"

struct own_addrs;

// inet_interfaces and proxy_interfaces; they are looked at when first asked.
struct own_addrs *own_addrs_new(const struct mail_config *mail);
void own_addrs_free(struct own_addrs *own);
// `address` is printable. `own` NULL: nothing is ours.
bool own_address(struct own_addrs *own, const char *address);
