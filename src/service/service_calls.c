// service_calls: the system calls that a daemon without root may use.
//
// What is not listed is answered as if the kernel did not have it (ENOSYS): the C library
// of another day, which tries a newer call first, then takes the one that it used before.
// What only an intruder would try is answered EPERM, which is easier to find in a trace.
#include "service/service_calls.h"
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

// clang-format off
static const char *const file_calls[] = {
    "access", "chdir", "chmod", "close", "close_range", "copy_file_range", "creat",
    "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir",
    "fchmod", "fchmodat", "fchown", "fcntl", "fcntl64", "fdatasync", "flock", "fstat",
    "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64",
    "futimesat", "getcwd", "getdents", "getdents64", "inotify_add_watch",
    "inotify_init1", "inotify_rm_watch", "_llseek", "link", "linkat", "lseek", "lstat",
    "lstat64", "mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2", "pipe",
    "pipe2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readlink", "readlinkat", "readv", "rename", "renameat", "renameat2",
    "rmdir", "sendfile", "sendfile64", "stat", "stat64", "statfs", "statfs64", "statx",
    "sync_file_range", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime",
    "utimensat", "utimensat_time64", "utimes", "write", "writev",
};
static const char *const wait_calls[] = {
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
    "clock_nanosleep", "clock_nanosleep_time64", "epoll_create", "epoll_create1",
    "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "getitimer",
    "gettimeofday", "alarm", "nanosleep", "_newselect", "pause", "poll", "ppoll",
    "ppoll_time64", "pselect6", "pselect6_time64", "select", "setitimer", "signalfd4",
    "time", "timerfd_create", "timerfd_gettime", "timerfd_settime", "times",
};
static const char *const process_calls[] = {
    "arch_prctl", "brk", "capget", "exit", "exit_group", "fork", "futex", "futex_time64",
    "get_robust_list", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32",
    "getgid", "getgid32", "getgroups", "getgroups32", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid",
    "getresuid32", "getrlimit", "getrusage", "getsid", "gettid", "getuid", "getuid32",
    "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mmap",
    "mmap2", "mprotect", "mremap", "msync", "munlock", "munmap", "prctl", "prlimit64",
    "restart_syscall", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sched_getaffinity",
    "sched_getparam", "sched_getscheduler", "sched_yield", "seccomp", "set_robust_list",
    "set_tid_address", "setrlimit", "sigaltstack", "sigreturn", "sysinfo", "tgkill",
    "ugetrlimit", "uname", "vfork", "wait4", "waitid",
};
static const char *const socket_calls[] = {
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
    "listen", "recv", "recvfrom", "recvmmsg", "recvmsg", "send", "sendmmsg", "sendmsg",
    "sendto", "setsockopt", "shutdown", "socketpair",
};
static const char *const refused_calls[] = {
    "acct", "add_key", "bpf", "chroot", "clock_settime", "execve", "execveat", "fsopen",
    "init_module", "io_uring_setup", "kexec_load", "keyctl", "mount",
    "open_by_handle_at", "perf_event_open", "personality", "pivot_root",
    "process_vm_readv", "process_vm_writev", "ptrace", "reboot", "setdomainname",
    "setgid", "setgroups", "sethostname", "setns", "setresgid", "setresuid", "setuid",
    "swapon", "symlink", "symlinkat", "umount2", "unshare", "userfaultfd",
};
// clang-format on

#define CALLS(list, action)                                                                \
    {                                                                                      \
        list, COUNT(list), action                                                          \
    }
static const struct {
    const char *const *names;
    size_t len;
    uint32_t action;
} groups[] = {
    CALLS(file_calls, SCMP_ACT_ALLOW),           CALLS(wait_calls, SCMP_ACT_ALLOW),
    CALLS(process_calls, SCMP_ACT_ALLOW),        CALLS(socket_calls, SCMP_ACT_ALLOW),
    CALLS(refused_calls, SCMP_ACT_ERRNO(EPERM)),
};

#define NAMESPACES                                                                         \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |         \
     CLONE_NEWPID | CLONE_NEWNET)

// Calls that one argument makes harmless or not.
static const struct {
    const char *name;
    struct scmp_arg_cmp arg;
    bool is_network;
} conditional[] = {
    {"socket", {0, SCMP_CMP_EQ, AF_UNIX, 0},           false},
    {"socket", {0, SCMP_CMP_EQ, AF_NETLINK, 0},        false}, // getifaddrs(3)
    {"socket", {0, SCMP_CMP_EQ, AF_INET, 0},           true },
    {"socket", {0, SCMP_CMP_EQ, AF_INET6, 0},          true },
    {"clone",  {0, SCMP_CMP_MASKED_EQ, NAMESPACES, 0}, false},
    {"ioctl",  {1, SCMP_CMP_NE, TIOCSTI, 0},           false}, // typing for the user
    {"kill",   {1, SCMP_CMP_EQ, 0, 0},                 false}, // is it still there?
};

// A call that this architecture does not have needs no rule.
static int without_unknown(int result)
{
    return result == -EDOM || result == -EINVAL ? 0 : result;
}

static int add_group(scmp_filter_ctx filter, size_t group)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < groups[group].len; i++) {
        int call = seccomp_syscall_resolve_name(groups[group].names[i]);

        if (call != __NR_SCMP_ERROR)
            result =
                without_unknown(seccomp_rule_add(filter, groups[group].action, call, 0));
    }
    return result;
}

static int add_conditional(scmp_filter_ctx filter, bool has_network)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < COUNT(conditional); i++)
        if (has_network || !conditional[i].is_network)
            result = without_unknown(seccomp_rule_add_array(
                filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(conditional[i].name),
                1, &conditional[i].arg));
    return result;
}

bool calls_restrict(bool has_network)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int result = filter == NULL ? -ENOMEM : 0;

    for (size_t i = 0; result == 0 && i < COUNT(groups); i++)
        result = add_group(filter, i);
    if (result == 0)
        result = add_conditional(filter, has_network);
    // The tree is searched in halves: as many steps for write(2) as for the rarest call.
    if (result == 0)
        (void)!seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter != NULL)
        seccomp_release(filter);
    errno = -result;
    return result == 0;
}
