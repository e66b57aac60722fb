// hosts: the addresses to try for a next hop, in order.
#pragma once
#include "smtp/context.h"
#include "smtp/target.h"

struct host {
    const char *name, *address;
    int family;
    unsigned preference;
    bool best; // among those of the lowest preference
};

struct hosts {
    struct host *items;
    size_t len;
    bool is_backup; // we are an MX of that domain ourselves: no fallback relay
};

enum hosts_result {
    HOSTS_FOUND,
    HOSTS_NONE, // with the reason
    HOSTS_LOOP, // the best MX is this system
};

enum hosts_result hosts_find(const struct smtp_context *c, struct arena *arena,
                             const struct target *target, struct hosts *hosts,
                             struct error *err);

// Sorts by preference; within one preference in random order (`shuffle`), and the preferred
// family first.
void hosts_sort(struct hosts *hosts, enum family_preference family, bool shuffle);
// Keeps at most `limit` (0: all); `balance` keeps both families in.
void hosts_limit(struct hosts *hosts, size_t limit, bool balance);
