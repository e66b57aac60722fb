// mailbox_lock: excluding other writers of a mailbox: FILE.lock, fcntl(2) and flock(2), for
// local(8), virtual(8) and postlock(1).
#pragma once
#include "config/mail_config.h"
#include "util/error.h"

enum mailbox_lock_methods {
    MAILBOX_LOCK_FCNTL = 1 << 0,
    MAILBOX_LOCK_FLOCK = 1 << 1,
    MAILBOX_LOCK_DOTLOCK = 1 << 2,
};

struct mailbox_lock_policy {
    unsigned methods;             // enum mailbox_lock_methods
    long attempts;                // deliver_lock_attempts
    struct duration delay, stale; // deliver_lock_delay, stale_lock_time
};

// "fcntl, dotlock" and so on, as mailbox_delivery_lock has it; `title` is the parameter
// name.
MUST_CHECK bool mailbox_lock_parse(const char *title, const char *text, unsigned *methods,
                                   struct error *err);
// The other members from main.cf.
struct mailbox_lock_policy mailbox_lock_policy(const struct mail_config *cfg,
                                               unsigned methods);

// Creates `path`.lock, waiting for another holder; one that is older than the stale time
// is taken over. All errors are temporary; errno is EAGAIN when somebody else holds it.
MUST_CHECK bool dot_lock(const char *path, const struct mailbox_lock_policy *policy,
                         struct error *err);
void dot_unlock(const char *path);

// The kernel locks of the policy on an open file, fcntl before flock. They go with the
// descriptor.
MUST_CHECK bool mailbox_lock_fd(int fd, const struct mailbox_lock_policy *policy,
                                struct error *err);
