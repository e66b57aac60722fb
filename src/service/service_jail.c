// service_jail: gives up what a daemon does not need: root, file system, capabilities,
// calls.
#include "service/service_jail.h"
#include "service/service_calls.h"
#include "service/service_files.h"
#include "util/log.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define CONFINED false // the sanitizer's own threads and reports need calls of their own
#else
#define CONFINED true
#endif

static bool drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {
        {0, 0, 0},
        {0, 0, 0}
    };

    if (syscall(SYS_capset, &header, none) < 0)
        return error_config(err, "cannot give up capabilities: %m");
    return true;
}

static bool enter_chroot(const char *dir, struct error *err)
{
    if (chroot(dir) < 0)
        return error_config(err, "chroot(%s): %m", dir);
    if (chdir("/") < 0)
        return error_config(err, "chdir(/): %m");
    return true;
}

static bool become(const struct passwd *user, struct error *err)
{
    if (setgroups(1, &user->pw_gid) < 0)
        return error_config(err, "setgroups(1, &%ld): %m", (long)user->pw_gid);
    if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0)
        return error_config(err, "setgid(%ld): %m", (long)user->pw_gid);
    if (setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
        return error_config(err, "setuid(%ld): %m", (long)user->pw_uid);
    return drop_capabilities(err);
}

// What the kernel lacks master has told about; what it refuses is no reason not to serve.
static void confine(const struct jail_plan *plan)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        log_info("running without no_new_privs: %m");
        return;
    }
    if (!CONFINED)
        return;
    if (!files_restrict(plan->data_dir))
        log_debug("running without rules about files: %m");
    if (!calls_restrict(plan->has_network))
        log_debug("running without a system call filter: %m");
}

bool jail_enter(const struct jail_plan *plan, struct error *err)
{
    const struct passwd *user = NULL;

    if (plan->user != NULL) { // before chroot hides the user database
        errno = 0;
        user = getpwnam(plan->user);
        if (user == NULL)
            return error_config(err, "unknown user: %s", plan->user);
    }
    if (plan->chroot_dir != NULL && !enter_chroot(plan->chroot_dir, err))
        return false;
    if (user != NULL && !become(user, err))
        return false;
    if (plan->confine)
        confine(plan);
    return true;
}

void jail_log_limits(void)
{
    if (!CONFINED)
        return;
    if (prctl(PR_GET_SECCOMP) < 0)
        log_info("running without a system call filter: %m");
    if (!files_can_restrict())
        log_info("running without rules about files (Landlock): %m");
}
