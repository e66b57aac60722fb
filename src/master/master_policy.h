// master_policy: the decisions of master(8) as plain functions: may a worker start, does an
// exit mean that the service is broken.
#pragma once
#include "util/base.h"

struct service_view {
    size_t idle;     // workers that wait for a client, or will in a moment
    size_t total;    // all workers, leaving ones included
    size_t active;   // those that take clients, or will once they are done
    long limit;      // 0: none
    bool throttled;  // a worker failed at start not long ago
    bool serves_all; // one process serves all clients (event-driven)
    size_t waiting;  // clients in the listen queue, as far as known; 0: unknown
    unsigned looked; // how often in a row a client waited although somebody was idle
};

enum spawn_verdict {
    SPAWN_WORKER,
    SPAWN_LOOK_AGAIN, // somebody idle should take the client in a moment
    SPAWN_WAIT_EXIT,  // nothing to do until a worker ends
    SPAWN_AT_LIMIT,   // the same, and the administrator should know
    SPAWN_THROTTLED,
};

// What to do about a client that waits in the listen queue.
enum spawn_verdict policy_on_client(const struct service_view *view);

// After so many looks the scoreboard is not believed any more.
enum { POLICY_LOOKS_MAX = 10 };
// Milliseconds until the next look.
int64_t policy_look_delay_ms(unsigned looked);

// `wait_status` as of wait(2); `served`: the process had waited for or served clients.
bool policy_is_bad_start(int wait_status, bool served);
