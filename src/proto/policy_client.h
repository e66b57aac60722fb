// policy_client: the policy delegation protocol: name=value lines out, "action=..." back.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/str.h"

struct policy_client;

struct policy_attr {
    const char *name, *value; // line breaks in a value become blanks
};

struct policy_server {
    const char *endpoint; // "inet:host:port", "unix:path"
    int timeout, max_idle, max_ttl, try_limit, retry_delay; // seconds, count
    long request_limit;   // requests on one connection; 0: no limit
};

// Nothing is connected before the first request. `server` must outlive the client.
struct policy_client *policy_client_new(const struct policy_server *server);
void policy_client_free(struct policy_client *p); // NULL is fine

// Sends one request and waits for the answer; a connection that went stale is made anew.
// `*action` is in `arena`.
MUST_CHECK bool policy_ask(struct policy_client *p, struct arena *arena,
                           const struct policy_attr *attrs, size_t len, const char **action,
                           struct error *err);
