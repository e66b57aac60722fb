// command_user: user=NAME[:GROUP] of pipe(8) and spawn(8), checked: never root, never the
// mail owner.
#pragma once
#include "config/mail_config.h"
#include "util/error.h"
#include <sys/types.h>

// `group` NULL is the user's own. Without root privilege the ids are the process's own, and
// only the names are checked (the whole instance is one user).
MUST_CHECK bool command_user_find(const struct mail_config *mail, const char *user,
                                  const char *group, uid_t *uid, gid_t *gid,
                                  struct error *err);
