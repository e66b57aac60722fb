// master_event: children come, speak and go.
#pragma once
#include "master/master_state.h"

// Registers a new child and listens to what it says on `control_fd` (-1: nothing).
struct child *event_add_child(struct pool *pool, pid_t pid, enum child_role role,
                              int control_fd);
// After SIGCHLD.
void event_reap(struct master *master);
size_t event_count_children(const struct master *master);
void event_kill_children(struct master *master, int sig);
