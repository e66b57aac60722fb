// service_jail: gives up what a daemon does not need: root, file system, capabilities,
// calls.
#pragma once
#include "util/error.h"

struct jail_plan {
    const char *chroot_dir; // NULL: none
    const char *user;       // NULL: stays who it is
    bool restrict_calls;    // seccomp
};

// Enters the jail, irrevocably. False when a step that was asked for is impossible; a
// kernel without seccomp only costs a log line.
MUST_CHECK bool jail_enter(const struct jail_plan *plan, struct error *err);
