// privilege: acting as a recipient for a while, for file access in this process.
//
// Only file access: what runs programs forks first and gives root up for good
// (run_command).
#pragma once
#include "util/error.h"
#include <sys/types.h>

struct privilege {
    uid_t uid; // the effective ids to go back to
    gid_t gid;
    bool changed;
};

// Effective user, group and (only that one) supplementary group become the given ones. A
// process without root can only act as itself: anything else is a temporary error that says
// so.
MUST_CHECK bool privilege_become(struct privilege *saved, uid_t uid, gid_t gid,
                                 struct error *err);
// Back again. A failure ends the process: it must not go on as somebody else.
void privilege_return(const struct privilege *saved);

// Whether this process may become others at all.
bool privilege_is_available(void);
