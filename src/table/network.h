// network: IP addresses and "network/prefix" patterns, as cidr tables and mynetworks use
// them.
#pragma once
#include "util/error.h"
#include "util/str.h"

struct network {
    int family; // AF_INET or AF_INET6
    unsigned char bytes[16];
    unsigned prefix; // bits that count
};

// "1.2.3.4", "2001:db8::1", either in brackets.
MUST_CHECK bool network_parse_address(struct str text, struct network *address);
// Also "/prefix" behind it, inside or outside of the brackets ("[::1]/128"). Bits behind
// the prefix must be zero. The reason is worded as Postfix does.
MUST_CHECK bool network_parse(struct str text, struct network *net, struct error *err);
bool network_has(const struct network *net, const struct network *address);
