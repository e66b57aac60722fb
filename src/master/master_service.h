// master_service: watching a service's sockets and keeping as many workers as clients need.
#pragma once
#include "master/master_state.h"

// A service without sockets so far; put into master's list.
struct master_service *service_new(struct master *master);
// Makes the sockets in `listen` the service's, with the entry of master->gen, and begins to
// watch and to wake it.
void service_begin(struct master_service *service, const struct master_entry *entry);
// Stops watching and waking; the processes stay.
void service_pause(struct master_service *service);

// Something changed (a worker came or went): watch again, if there is reason to.
void service_review(struct master_service *service);
// One of its processes died: what it had been woken for may be undone.
void service_wake_anew(struct master_service *service);
// No new processes for service_throttle_time; `reason` (may be NULL) is logged.
void service_throttle(struct master_service *service, const char *reason);
// Moves current and stressed to `old` and tells them to leave.
void service_retire_pools(struct master_service *service);
void service_forget_old_pools(struct master_service *service);
size_t service_count_workers(const struct master_service *service);
// Path of the program, for the log.
const char *service_program(const struct pool *pool);
