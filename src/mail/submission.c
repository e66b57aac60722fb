// submission: a message of a local user in record form, and its way to submit(8), else
// through postdrop(1).
#include "mail/submission.h"
#include "mail/record.h"
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
    const char *reason, *id;
};

// ---- records
// -------------------------------------------------------------------------------------

static void put(struct buf *out, int type, struct str payload)
{
    ensure(record_put(out, type, payload));
}

static void put_attr(struct arena *arena, struct buf *out, const char *name,
                     const char *value)
{
    if (value[0] != 0)
        put(out, REC_ATTR, str_c(arena_printf(arena, "%s=%s", name, value)));
}

static void put_number(struct arena *arena, struct buf *out, const char *name,
                       int64_t value)
{
    if (value != 0)
        put(out, REC_ATTR, str_c(arena_printf(arena, "%s=%lld", name, (long long)value)));
}

static void put_rcpts(struct arena *arena, struct buf *out,
                      const struct cleanup_rcpt *rcpts, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        put_attr(arena, out, "dsn_orig_rcpt", rcpts[i].dsn_orcpt);
        put_number(arena, out, "notify_flags", rcpts[i].dsn_notify);
        put(out, REC_RCPT, str_c(rcpts[i].address));
    }
}

static void put_content(struct buf *out, struct str text, size_t line_max)
{
    struct str line;

    while (str_take_line(&text, &line)) {
        for (; line.len > line_max; line = str_from(line, line_max))
            put(out, REC_CONTINUED, str_sub(line, 0, line_max));
        put(out, REC_LINE, line);
    }
}

void submission_put(struct buf *out, struct arena *arena, const struct submission *sub,
                    struct str content, size_t line_max)
{
    put_attr(arena, out, "envelope_id", sub->envelope_id);
    put_number(arena, out, "ret_flags", sub->dsn_ret);
    put_attr(arena, out, "rewrite_context", sub->rewrite_context);
    if (sub->full_name[0] != 0)
        put(out, REC_FULL_NAME, str_c(sub->full_name));
    put(out, REC_FROM, str_c(sub->sender));
    put_attr(arena, out, "encoding", sub->encoding);
    put_number(arena, out, "trace_flags", sub->trace_flags);
    if (sub->verp[0] != 0)
        put(out, REC_VERP, str_c(sub->verp));
    put_rcpts(arena, out, sub->rcpts, sub->rcpts_len);
    put(out, REC_MESSAGE, str_c(""));
    put_content(out, content, line_max);
    put(out, REC_EXTRACTED, str_c(""));
    put_rcpts(arena, out, sub->extracted, sub->extracted_len);
    put(out, REC_END, str_c(""));
}

// ---- the two ways in
// -----------------------------------------------------------------------------

// name NUL value NUL ... NUL.
static struct reply parse_reply(struct arena *arena, struct str text)
{
    struct reply reply = {-1, "", ""};
    struct str name, value;

    while (text.len > 0 && str_split(&text, 0, &name) && name.len > 0) {
        if (text.ptr == NULL || !str_split(&text, 0, &value))
            break;
        long n;

        if (str_is(name, "status") && str_to_long(value, &n) && n >= 0 && n < 256)
            reply.status = (int)n;
        else if (str_is(name, "reason"))
            reply.reason = arena_text(arena, value);
        else if (str_is(name, "queue_id"))
            reply.id = arena_text(arena, value);
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
    struct reply none = {-1, "", ""};
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
    struct reply reply = {-1, "", ""};
    int in[2], out[2], status;

    if (pipe(in) < 0 || pipe(out) < 0) {
        log_warn("pipe: %m");
        return reply;
    }
    pid_t pid = fork();

    if (pid < 0) {
        log_warn("fork: %m");
        return (struct reply){EX_OSERR, "cannot fork", ""};
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

int submission_send(struct arena *arena, const struct mail_config *cfg, struct str records,
                    const char **reason, const char **id)
{
    signal(SIGPIPE, SIG_IGN);
    struct reply reply = by_socket(arena, cfg, records);

    if (!is_final(&reply))
        reply = by_postdrop(arena, cfg, records);
    *reason = reply.reason;
    if (id != NULL)
        *id = reply.id;
    if (reply.status >= 0)
        return reply.status;
    *reason = arena_printf(arena, "unable to execute %s/postdrop -r: %s",
                           cfg->command_directory, strerror(errno == 0 ? EIO : errno));
    return EX_TEMPFAIL;
}
