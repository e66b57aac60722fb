// service_jail: gives up what a daemon does not need: root, file system, capabilities,
// calls.
#pragma once
#include "util/error.h"

struct jail_plan {
    const char *chroot_dir; // NULL: none
    const char *user;       // NULL: stays who it is
    bool confine;           // seccomp, Landlock
    bool has_network;       // internet sockets
    const char *data_dir;   // may be written to, beside the current folder
};

// Enters the jail, irrevocably. False when a step that was asked for is impossible; a
// kernel without seccomp or Landlock does not keep a service from starting.
MUST_CHECK bool jail_enter(const struct jail_plan *plan, struct error *err);
// Says what the kernel cannot do for the services; master does, once.
void jail_log_limits(void);
