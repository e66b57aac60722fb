// privilege: acting as a recipient for a while, for file access in this process.
#include "mail/privilege.h"
#include "util/log.h"
#include <errno.h>
#include <grp.h>
#include <unistd.h>

bool privilege_is_available(void)
{
    uid_t real, effective, saved;

    return getresuid(&real, &effective, &saved) == 0 &&
           (real == 0 || effective == 0 || saved == 0);
}

// The order matters: groups can only be changed with root as the effective user.
static bool set_effective(uid_t uid, gid_t gid)
{
    return (geteuid() == 0 || seteuid(0) == 0) && setegid(gid) == 0 &&
           setgroups(1, &gid) == 0 && seteuid(uid) == 0;
}

bool privilege_become(struct privilege *saved, uid_t uid, gid_t gid, struct error *err)
{
    *saved = (struct privilege){.uid = geteuid(), .gid = getegid()};
    if (!privilege_is_available()) {
        if (uid == saved->uid)
            return true;
        return error_temp(err, "4.3.0",
                          "cannot deliver as user %ld: the mail system runs as user %ld "
                          "without root privilege",
                          (long)uid, (long)saved->uid);
    }
    saved->changed = true;
    if (!set_effective(uid, gid)) {
        int why = errno;

        privilege_return(saved);
        errno = why;
        return error_temp(err, "4.3.0", "become user %ld group %ld: %m", (long)uid,
                          (long)gid);
    }
    return true;
}

void privilege_return(const struct privilege *saved)
{
    if (saved->changed && !set_effective(saved->uid, saved->gid))
        log_fatal("cannot return to user %ld: %m", (long)saved->uid);
}
