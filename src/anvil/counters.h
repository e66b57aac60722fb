// counters: how many connections, messages and so on each client of each service makes.
#pragma once
#include "mail/anvil_client.h"
#include <time.h>

struct counters;
struct client_counts;

// Rates count from the first event of a client until `unit_seconds` later, then anew.
struct counters *counters_new(long unit_seconds);
void counters_free(struct counters *c);

// The client of a service, made when it is new. `now` is clock_ms.
struct client_counts *counters_find(struct counters *c, const char *service,
                                    const char *client, int64_t now);
// Counts one event and tells where the client stands.
void counters_add(struct counters *c, struct client_counts *client, enum anvil_event event,
                  int64_t now, struct anvil_reply *reply);
// A connection ended.
void counters_disconnect(struct client_counts *client);
// Forgets clients without connections whose time unit is over.
void counters_sweep(struct counters *c, int64_t now);
size_t counters_len(const struct counters *c);
// Logs the highest values since the last call, and begins anew.
void counters_report(struct counters *c);
