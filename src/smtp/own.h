// own: whether an address is one of this system's (loops by MX records).
#pragma once
#include "util/base.h"

struct own_addrs;
// `own` NULL: nothing is ours.
bool own_address(struct own_addrs *own, const char *address);
