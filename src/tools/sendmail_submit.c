// sendmail_submit: a message in record form goes to submit(8), else to postdrop(1).
#include "tools/sendmail_submit.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define REPLY_MAX 4096u

struct reply {
    int status; // -1: none came
    const char *reason;
};

// name NUL value NUL ... NUL.
static struct reply parse_reply(struct arena *arena, struct str text)
{
    struct reply reply = {-1, ""};
    struct str name, value;

    while (text.len > 0 && str_split(&text, 0, &name) && name.len > 0) {
        if (text.ptr == NULL || !str_split(&text, 0, &value))
            break;
        long n;

        if (str_is(name, "status") && str_to_long(value, &n) && n >= 0 && n < 256)
            reply.status = (int)n;
        else if (str_is(name, "reason"))
            reply.reason = arena_text(arena, value);
    }
    return reply;
}

static struct reply read_reply(struct arena *arena, int fd)
{
    char *text = arena_alloc(arena, REPLY_MAX);
    ssize_t len = fd_read_full(fd, text, REPLY_MAX);

    return parse_reply(arena, str_n(text, len < 0 ? 0 : (size_t)len));
}

static struct reply by_socket(struct arena *arena, const struct mail_config *cfg,
                              struct str records)
{
    struct reply none = {-1, ""};
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int len = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/submit/submit",
                       cfg->queue_directory);

    if (len < 0 || (size_t)len >= sizeof(addr.sun_path))
        return none;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return none;
    struct reply reply = none;

    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        fd_write_all(fd, records.ptr, records.len) && shutdown(fd, SHUT_WR) == 0)
        reply = read_reply(arena, fd);
    close(fd);
    return reply;
}

static _Noreturn void run_postdrop(const char *path, const char *config_dir, int in[2],
                                   int out[2])
{
    dup2(in[0], 0);
    dup2(out[1], 1);
    close(in[0]);
    close(in[1]);
    close(out[0]);
    close(out[1]);
    signal(SIGPIPE, SIG_DFL);
    setenv("MAIL_CONFIG", config_dir, 1);
    execl(path, path, "-r", (char *)NULL);
    _exit(127);
}

static struct reply by_postdrop(struct arena *arena, const struct mail_config *cfg,
                                struct str records)
{
    const char *path = arena_printf(arena, "%s/postdrop", cfg->command_directory);
    struct reply reply = {-1, ""};
    int in[2], out[2], status;

    if (pipe(in) < 0 || pipe(out) < 0) {
        log_warn("pipe: %m");
        return reply;
    }
    pid_t pid = fork();

    if (pid < 0) {
        log_warn("fork: %m");
        return (struct reply){EX_OSERR, "cannot fork"};
    }
    if (pid == 0)
        run_postdrop(path, cfg->config_directory, in, out);
    close(in[0]);
    close(out[1]);
    bool sent = fd_write_all(in[1], records.ptr, records.len);

    close(in[1]);
    reply = read_reply(arena, out[0]);
    close(out[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0)
        log_warn("command \"%s -r\" exited with status %d", path,
                 WIFEXITED(status) ? WEXITSTATUS(status) : status);
    // A message that was not sent to its end was not accepted, whatever was said.
    if (!sent && reply.status == 0)
        reply.status = -1;
    return reply;
}

// What another way in would not change.
static bool is_final(const struct reply *reply)
{
    return reply->status == EX_OK || reply->status == EX_DATAERR ||
           reply->status == EX_NOPERM || reply->status == EX_USAGE;
}

int sendmail_submit(struct arena *arena, const struct mail_config *cfg, struct str records,
                    const char **reason)
{
    signal(SIGPIPE, SIG_IGN);
    struct reply reply = by_socket(arena, cfg, records);

    if (!is_final(&reply))
        reply = by_postdrop(arena, cfg, records);
    *reason = reply.reason;
    if (reply.status >= 0)
        return reply.status;
    *reason = arena_printf(arena, "unable to execute %s/postdrop -r: %s",
                           cfg->command_directory, strerror(errno == 0 ? EIO : errno));
    return EX_TEMPFAIL;
}
