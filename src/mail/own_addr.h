// own_addr: the addresses at which this system receives mail: inet_interfaces and
// proxy_interfaces. For [address] domains, permit_inet_interfaces, and MX loops.
#pragma once
#include "config/mail_config.h"

struct own_addr;

// Finds the addresses now (interfaces, host names); does not fail: what cannot be found is
// logged and left out.
struct own_addr *own_addr_open(const struct mail_config *cfg);
void own_addr_free(struct own_addr *own); // NULL is fine

enum own_addr_kind { OWN_ADDR_INTERFACE = 1, OWN_ADDR_PROXY = 2, OWN_ADDR_ANY = 3 };
// `address` is printable: "192.0.2.1", "2001:db8::1", also with brackets and "IPv6:". `own`
// NULL: nothing is ours.
bool own_addr_has(const struct own_addr *own, const char *address,
                  enum own_addr_kind kinds);
