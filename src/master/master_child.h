// master_child: starting a service's program.
#pragma once
#include "master/master_state.h"

// The command line of `pool`'s template, made in `arena`; ends with NULL.
const char **child_arguments(struct arena *arena, const struct pool *pool, bool debug,
                             int verbosity);
// True when the service gets "-o stress=...": other hosts reach it, and it has several
// workers.
bool child_takes_stress(const struct master_service *service, long limit);
// Starts the program with what a template inherits (service/control.h). -1 with the reason.
pid_t child_exec(const struct pool *pool, int *control_fd, struct error *err);
