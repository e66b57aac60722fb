// run_command: a message piped into an external command, as another user, in bounded time.
#include "mail/run_command.h"
#include "mail/privilege.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/bin:/bin"
#define SHELL_PATH "/bin/sh"

// Words that only exist inside a shell.
static const char *const shell_words[] = {
    ".",        ":",       "alias", "bg",    "break", "case",   "cd",       "command",
    "continue", "do",      "eval",  "exec",  "exit",  "export", "fc",       "fg",
    "for",      "getopts", "hash",  "if",    "jobs",  "read",   "readonly", "return",
    "set",      "shift",   "test",  "times", "trap",  "type",   "ulimit",   "umask",
    "unalias",  "unset",   "until", "wait",  "while",
};

bool command_needs_shell(const char *line)
{
    struct str rest = str_c(line);
    struct str word;

    if (strpbrk(line, "!\"#$&'()*;<>?[\\]^`{|}~\n") != NULL ||
        !str_take(&rest, " \t", &word) ||
        str_has_char(word, '=')) // an assignment in front of the command
        return true;
    for (size_t i = 0; i < COUNT(shell_words); i++)
        if (str_is(word, shell_words[i]))
            return true;
    return false;
}

const char *command_filter(struct arena *arena, const char *value, const char *allowed)
{
    char *copy = arena_strdup(arena, value);

    for (char *p = copy; *p != '\0'; p++)
        if (strchr(allowed, *p) == NULL)
            *p = '_';
    return copy;
}

const char *const *command_environment(struct arena *arena, const char *export_environment,
                                       const struct text_list *extra)
{
    struct text_list list = {0};
    struct str rest = str_c(export_environment);
    struct str item;

    text_list_add(arena, &list, "PATH=" DEFAULT_PATH);
    while (text_take_element(&rest, &item) && item.ptr != NULL) {
        struct str inner = item;

        if (item.len > 0 && item.ptr[0] == '{' && !text_unbrace(item, &inner))
            continue;
        const char *name = arena_text(arena, inner);
        if (strchr(name, '=') != NULL)
            text_list_add(arena, &list, name);
        else if (getenv(name) != NULL && strcmp(name, "PATH") != 0)
            text_list_add(arena, &list, arena_printf(arena, "%s=%s", name, getenv(name)));
    }
    for (size_t i = 0; extra != NULL && i < extra->len; i++)
        text_list_add(arena, &list, extra->items[i]);
    text_list_add(arena, &list, NULL);
    return list.items;
}

// ---- the child ----

// Reaches the report as the command's output; the mail is tried again.
static _Noreturn void child_failed(const struct command *c, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
static _Noreturn void child_failed(const struct command *c, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    dprintf(STDERR_FILENO, "%s: fatal: %s\n", c->program, text);
    _exit(EX_TEMPFAIL);
}

// For good: real, effective and saved ids. A process without root already is who it can be.
static void child_become(const struct command *c)
{
    if (!privilege_is_available()) {
        if (geteuid() != c->uid || c->chroot_dir != NULL)
            child_failed(c, "no privilege to run commands as user %ld", (long)c->uid);
        return;
    }
    if (seteuid(0) < 0)
        child_failed(c, "regain root privilege: %s", strerror(errno));
    if (c->chroot_dir != NULL && (chroot(c->chroot_dir) < 0 || chdir("/") < 0))
        child_failed(c, "cannot change root directory to %s: %s", c->chroot_dir,
                     strerror(errno));
    if (setgroups(1, &c->gid) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
        setresuid(c->uid, c->uid, c->uid) < 0)
        child_failed(c, "become user %ld group %ld: %s", (long)c->uid, (long)c->gid,
                     strerror(errno));
    if (c->uid != 0 && setuid(0) == 0)
        child_failed(c, "root privilege could not be given up");
}

static void child_signals(void)
{
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int sig = 1; sig < 32; sig++)
        sigaction(sig, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_exec_argv(const struct command *c, char *const *argv)
{
    execvpe(argv[0], argv, (char *const *)c->environment);
    child_failed(c, "execvp %s: %s", argv[0], strerror(errno));
}

// Splits at white space; there are no quotes, or a shell would run it.
static _Noreturn void child_exec_words(const struct command *c, const char *words,
                                       const char *last)
{
    struct arena *arena = arena_new();
    struct text_list list = {0};
    struct str rest = str_c(words);
    struct str word;

    while (str_take(&rest, " \t", &word))
        text_list_add(arena, &list, arena_text(arena, word));
    if (last != NULL)
        text_list_add(arena, &list, last);
    text_list_add(arena, &list, NULL);
    child_exec_argv(c, (char *const *)list.items);
}

static _Noreturn void child_run(const struct command *c, int in, int out)
{
    // Both ends may have landed on 0-2 when the parent has those closed: lift them first.
    in = fcntl(in, F_DUPFD, 3);
    out = fcntl(out, F_DUPFD, 3);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(EX_TEMPFAIL);
    if (close_range(3, ~0u, 0) < 0)
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
    setsid(); // the time limit reaches all of its children
    child_signals();
    umask(077);
    if (c->file_size_limit > 0) {
        struct rlimit limit = {(rlim_t)c->file_size_limit, (rlim_t)c->file_size_limit};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    child_become(c);
    if (c->directory != NULL && chdir(c->directory) < 0)
        child_failed(c, "cannot change directory to \"%s\" for uid=%ld gid=%ld: %s",
                     c->directory, (long)c->uid, (long)c->gid, strerror(errno));
    if (c->argv != NULL)
        child_exec_argv(c, (char *const *)c->argv);
    if (c->shell != NULL && c->shell[0] != '\0')
        child_exec_words(c, c->shell, c->line);
    if (!command_needs_shell(c->line))
        child_exec_words(c, c->line, NULL);
    char *argv[] = {"sh", "-c", (char *)c->line, NULL};
    execve(SHELL_PATH, argv, (char *const *)c->environment);
    child_failed(c, "execvp %s: %s", SHELL_PATH, strerror(errno));
}

// ---- the parent ----

struct running {
    const struct command *command;
    pid_t pid;
    int to_child, from_child;
    int64_t deadline;
    struct buf *output;
    bool timed_out;
};

// Reads what is there; beyond the limit it is dropped. False at end of file.
static bool read_output(struct running *r)
{
    char data[4096];
    ssize_t len = read(r->from_child, data, sizeof(data));

    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t room = COMMAND_OUTPUT_MAX - buf_len(r->output);
    buf_put(r->output, str_n(data, (size_t)len < room ? (size_t)len : room));
    return len > 0;
}

// Waits until the child takes input (`fd` >= 0) or, always, has output; false when time is
// up.
static bool wait_child(struct running *r, bool want_write, bool *writable, bool *readable)
{
    struct pollfd fds[2] = {
        {.fd = r->from_child,                 .events = POLLIN },
        {.fd = want_write ? r->to_child : -1, .events = POLLOUT}
    };
    int64_t left = r->deadline - clock_ms();

    if (left <= 0 || poll(fds, 2, (int)(left > 60000 ? 60000 : left)) < 0) {
        r->timed_out = left <= 0;
        *writable = *readable = false;
        return left > 0 && errno == EINTR;
    }
    *readable = fds[0].revents != 0;
    *writable = fds[1].revents != 0;
    return true;
}

// A command may print while it reads: both directions move, so that neither side blocks for
// good.
static bool feed(void *ctx, const char *data, size_t len)
{
    struct running *r = ctx;
    bool writable, readable;

    while (len > 0) {
        ssize_t n = write(r->to_child, data, len);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return false;
        if (!wait_child(r, true, &writable, &readable)) {
            errno = ETIMEDOUT;
            return false;
        }
        if (readable && !read_output(r)) { // it closed its output, and may still read
            close(r->from_child);
            r->from_child = -1;
        }
    }
    return true;
}

static void read_to_end(struct running *r)
{
    bool writable, readable;

    while (r->from_child >= 0 && wait_child(r, false, &writable, &readable))
        if (readable && !read_output(r))
            break;
}

// Within the time limit; a command that closed its output may still run.
static int reap(struct running *r)
{
    int status = 0;
    struct timespec nap = {.tv_nsec = 1000000};

    while (!r->timed_out) {
        pid_t pid = waitpid(r->pid, &status, WNOHANG);

        if (pid == r->pid || (pid < 0 && errno != EINTR))
            return status;
        if (clock_ms() >= r->deadline)
            r->timed_out = true;
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 50000000)
            nap.tv_nsec *= 2;
    }
    // The process group is the command's own since setsid; kill needs the rights to.
    struct privilege saved;
    bool as_root = privilege_is_available() && privilege_become(&saved, 0, getegid(), NULL);
    kill(-r->pid, SIGKILL);
    kill(r->pid, SIGKILL);
    if (as_root)
        privilege_return(&saved);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

static bool start(struct running *r, struct error *err)
{
    int in[2], out[2];

    if (pipe2(in, O_CLOEXEC) < 0)
        return error_temp(err, "4.3.0", "cannot create pipe: %m");
    if (pipe2(out, O_CLOEXEC) < 0) {
        error_temp(err, "4.3.0", "cannot create pipe: %m");
        close(in[0]);
        close(in[1]);
        return false;
    }
    r->pid = fork();
    if (r->pid == 0)
        child_run(r->command, in[0], out[1]);
    if (r->pid < 0)
        error_temp(err, "4.3.0", "cannot fork: %m");
    close(in[0]);
    close(out[1]);
    r->to_child = in[1];
    r->from_child = out[0];
    if (r->pid > 0 && fd_set_nonblocking(r->to_child, true) &&
        fd_set_nonblocking(r->from_child, true))
        return true;
    close(r->to_child);
    close(r->from_child);
    return false;
}

static const char *clean_output(struct arena *arena, struct buf *output)
{
    struct str view = buf_view(output);
    char *text = arena_alloc(arena, view.len + 1);

    for (size_t i = 0; i < view.len; i++)
        text[i] = view.ptr[i] == '\0' ? ' ' : view.ptr[i];
    return text;
}

void run_command(struct arena *arena, const struct command *command,
                 struct command_result *result, struct error *err)
{
    struct running r = {.command = command};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old_pipe;
    struct sigaction plain = {.sa_handler = SIG_DFL}, old_child;

    *result = (struct command_result){.end = COMMAND_FAILED, .output = ""};
    r.output = buf_make(arena, COMMAND_OUTPUT_MAX + 1);
    r.deadline = clock_ms() + command->time_limit.seconds * 1000;
    sigaction(SIGPIPE, &ignore, &old_pipe);
    sigaction(SIGCHLD, &plain, &old_child); // or the exit status is lost
    if (start(&r, err)) {
        enum mail_copy_result copied =
            mail_copy(arena, command->queue_fd, command->data_offset, &command->format,
                      feed, &r, err);
        close(r.to_child);
        if (copied == MAIL_COPY_SOURCE)
            r.timed_out = true; // kill it: it has seen half a message
        else
            read_to_end(&r);
        int status = reap(&r);
        if (r.from_child >= 0)
            close(r.from_child);
        result->output = clean_output(arena, r.output);
        if (copied != MAIL_COPY_SOURCE) {
            result->end = r.timed_out           ? COMMAND_TIMED_OUT
                          : WIFSIGNALED(status) ? COMMAND_SIGNALED
                                                : COMMAND_EXITED;
            result->status = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        }
    }
    sigaction(SIGCHLD, &old_child, NULL);
    sigaction(SIGPIPE, &old_pipe, NULL);
}

// ---- what it means ----

static const struct {
    int status;
    const char *dsn, *text;
} exit_meanings[] = {
    {EX_USAGE,       "5.3.0", "command line usage error"     },
    {EX_DATAERR,     "5.6.0", "data format error"            },
    {EX_NOINPUT,     "5.3.0", "cannot open input"            },
    {EX_NOUSER,      "5.1.1", "user unknown"                 },
    {EX_NOHOST,      "5.1.2", "host name unknown"            },
    {EX_UNAVAILABLE, "5.3.0", "service unavailable"          },
    {EX_SOFTWARE,    "5.3.0", "internal software error"      },
    {EX_OSERR,       "4.3.0", "system resource problem"      },
    {EX_OSFILE,      "5.3.0", "critical OS file missing"     },
    {EX_CANTCREAT,   "5.2.0", "can't create user output file"},
    {EX_IOERR,       "5.3.0", "input/output error"           },
    {EX_TEMPFAIL,    "4.3.0", "temporary failure"            },
    {EX_PROTOCOL,    "5.5.0", "remote error in protocol"     },
    {EX_NOPERM,      "5.7.0", "permission denied"            },
    {EX_CONFIG,      "5.3.5", "local configuration error"    },
};

// RFC 3463: class 4 or 5, subject and detail of up to three digits.
static bool take_status_code(struct arena *arena, const char *output, const char **dsn,
                             const char **rest)
{
    const char *p = output;
    size_t len;

    if ((p[0] != '4' && p[0] != '5') || p[1] != '.')
        return false;
    p += 2;
    len = strspn(p, "0123456789");
    if (len < 1 || len > 3 || p[len] != '.')
        return false;
    p += len + 1;
    len = strspn(p, "0123456789");
    if (len < 1 || len > 3 || (p[len] != '\0' && strchr(" \t\r\n", p[len]) == NULL))
        return false;
    p += len;
    *dsn = arena_text(arena, str_n(output, (size_t)(p - output)));
    *rest = p + strspn(p, " \t\r\n");
    return true;
}

static const char *with_output(struct arena *arena, const char *text, const char *output)
{
    return output[0] == '\0' ? text
                             : arena_printf(arena, "%s. Command output: %s", text, output);
}

static struct command_verdict
judge_exit(struct arena *arena, const struct command_result *result, const char *line)
{
    struct command_verdict v = {"2.0.0", "", NULL};
    bool has_output = result->output[0] != '\0';

    if (result->status == 0)
        return v;
    if (take_status_code(arena, result->output, &v.dsn, &v.text)) {
        v.diag = v.text;
        return v;
    }
    for (size_t i = 0; i < COUNT(exit_meanings); i++)
        if (exit_meanings[i].status == result->status)
            return (struct command_verdict){
                exit_meanings[i].dsn,
                with_output(arena, exit_meanings[i].text, result->output),
                has_output ? result->output : exit_meanings[i].text};
    v.dsn = "5.3.0";
    v.diag = has_output
                 ? result->output
                 : arena_printf(arena, "unknown mail system error %d", result->status);
    v.text = with_output(
        arena,
        arena_printf(arena, "Command died with status %d: \"%s\"", result->status, line),
        result->output);
    return v;
}

struct command_verdict command_judge(struct arena *arena,
                                     const struct command_result *result, const char *line,
                                     const struct error *err)
{
    bool has_output = result->output != NULL && result->output[0] != '\0';

    switch (result->end) {
    case COMMAND_EXITED:
        return judge_exit(arena, result, line);
    case COMMAND_SIGNALED:
        return (struct command_verdict){
            "4.3.0",
            with_output(arena,
                        arena_printf(arena, "Command died with signal %d: \"%s\"",
                                     result->status, line),
                        result->output),
            has_output ? result->output : NULL};
    case COMMAND_TIMED_OUT:
        return (struct command_verdict){
            "5.3.0",
            with_output(arena,
                        arena_printf(arena, "Command time limit exceeded: \"%s\"", line),
                        result->output),
            has_output ? result->output : NULL};
    case COMMAND_FAILED:
        break;
    }
    return (struct command_verdict){
        "4.3.0",
        err->text[0] != '\0' ? arena_strdup(arena, err->text) : "cannot run command", NULL};
}
