// service_jail: gives up what a daemon does not need: root, file system, capabilities,
// calls.
#include "service/service_jail.h"
#include "util/log.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SECCOMP_WANTED                                                                     \
    false // the sanitizer's own threads and reports need calls of their own
#else
#define SECCOMP_WANTED true
#endif

// What no daemon of a mail system has business with; those that start commands
// (SERVICE_ROOT) are not restricted here. Everything else stays allowed: tables, resolvers
// and TLS libraries differ too much for an allow-list that survives an upgrade of the C
// library, and an answer of EPERM is easier to find than a killed process.
static const char *const refused_calls[] = {
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "execve",
    "execveat",
    "fanotify_init",
    "finit_module",
    "get_kernel_syms",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "open_tree",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "perf_event_open",
    "personality",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "sysfs",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "ustat",
    "vhangup",
    "vm86",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
};

static void restrict_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result = filter == NULL ? -ENOMEM : 0;

    for (size_t i = 0; result == 0 && i < COUNT(refused_calls); i++) {
        int call = seccomp_syscall_resolve_name(refused_calls[i]);
        if (call != __NR_SCMP_ERROR)
            result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
        if (result == -EDOM) // a call that this architecture does not have
            result = 0;
    }
    if (result == 0)
        result = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    if (result < 0) {
        errno = -result;
        log_info("running without a system call filter: %m");
    }
}

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
    if (plan->restrict_calls) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            log_info("running without no_new_privs: %m");
        else if (SECCOMP_WANTED)
            restrict_calls();
    }
    return true;
}
