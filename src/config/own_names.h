// own_names: defaults that only the machine knows: its name, its domain, its networks.
#pragma once
#include "util/arena.h"

struct main_cf;

// The system's host name; with ".$mydomain" behind it when it has no dot.
const char *own_host_name(const struct main_cf *cf, struct arena *arena);
// $myhostname without its first label; "localdomain" when that leaves nothing.
const char *own_domain(const struct main_cf *cf, struct arena *arena);
// The networks of the local interfaces by mynetworks_style: host, subnet or class.
const char *own_networks(const struct main_cf *cf, struct arena *arena);
