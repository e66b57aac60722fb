// finish: what happens to a message when all its recipients are decided for now.
//
// The steps follow each other; those that send a report wait for the answer without holding
// up anything else: bounce log, trace log, expiry, delay warning, then remove or defer.
#include "qmgr/finish.h"
#include "mail/bounce_client.h"
#include "mail/flush_client.h"
#include "qmgr/agents.h"
#include "qmgr/manager.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct call_kind bounce_call_kind = {&bounce_request_kind, &bounce_reply_kind};
static const struct call_kind flush_call_kind = {&flush_request_kind, &flush_reply_kind};

static void step_trace(struct message *msg);
static void step_expire(struct message *msg);
static void step_end(struct message *msg);

// A message that came in since we run has its logs where this instance puts them; one from
// before may have them where another program did.
static bool log_exists(const struct message *msg, const char *queue)
{
    const struct qmgr *qm = msg->qm;
    char path[QUEUE_PATH_SIZE];
    int fd;

    if (!msg->from_deferred && msg->qf.arrival.sec > qm->started_sec) {
        queue_path(&qm->dir, path, queue, msg->id);
        return access(path, F_OK) == 0;
    }
    fd = queue_open(&qm->dir, queue, msg->id, O_RDONLY | O_CLOEXEC, NULL);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void report(struct message *msg, const char *service, enum bounce_command command,
                   int64_t flags, call_done *done)
{
    const struct queue_file *qf = &msg->qf;
    struct bounce_request req = {
        .command = command,
        .flags = flags,
        .queue_name = "active",
        .queue_id = msg->id,
        .encoding = qf->encoding,
        .sender = qf->sender,
        .envelope_id = qf->envelope_id,
        .verp = msg->qm->mail->disable_verp_bounces ? "" : qf->verp,
        .dsn_ret = qf->dsn_ret,
        .send_options = qf->send_options,
        .trace_flags = qf->trace_flags,
    };
    char path[128];

    snprintf(path, sizeof(path), "private/%s", service);
    call_start(&msg->qm->calls, path, &bounce_call_kind, &req, done, msg);
}

static bool succeeded(bool ok, const void *reply)
{
    return ok && ((const struct bounce_reply *)reply)->status == 0;
}

// ---- the steps
// ------------------------------------------------------------------------------------

static void bounce_sent(void *arg, bool ok, const void *reply)
{
    struct message *msg = arg;

    if (!succeeded(ok, reply)) {
        msg->deferred++;
        msg->bounce_failed = true;
    }
    step_trace(msg);
}

void finish_message(struct message *msg)
{
    if (!msg->is_gone && log_exists(msg, "bounce"))
        report(msg, msg->qm->mail->bounce_service_name, BOUNCE_SEND, 0, bounce_sent);
    else
        step_trace(msg);
}

static void trace_sent(void *arg, bool ok, const void *reply)
{
    struct message *msg = arg;

    if (!succeeded(ok, reply))
        msg->deferred++;
    step_expire(msg);
}

static void step_trace(struct message *msg)
{
    if (!msg->is_gone && log_exists(msg, "trace"))
        report(msg, msg->qm->mail->trace_service_name, BOUNCE_SEND_TRACE, 0, trace_sent);
    else
        step_expire(msg);
}

// The report names those that the defer log knows, and marks them done. After a power cut
// or with a full disk the log may lack some, or all: they stay in the queue.
static bool all_reported(struct message *msg)
{
    struct arena *arena = arena_new();
    struct queue_file qf = {.id = ""};
    struct error err;
    int fd = message_fd(msg);
    // compat: a redirected message has one recipient in place of all.
    bool all = msg->qf.redirect != NULL && msg->qf.redirect[0] != '\0';

    if (!all && fd >= 0 && queue_file_read(arena, fd, 1, &qf, &err))
        all = qf.rcpts_len == 0;
    arena_free(arena);
    return all;
}

static void expiry_sent(void *arg, bool ok, const void *reply)
{
    struct message *msg = arg;

    if (!succeeded(ok, reply))
        msg->bounce_failed = true;
    else if (all_reported(msg))
        msg->deferred = 0; // the sender has it back
    else
        log_warn("%s: recipients without a reason in the defer log stay in the queue",
                 msg->id);
    step_end(msg);
}

static void warning_sent(void *arg, bool ok, const void *reply)
{
    struct message *msg = arg;
    struct error err;
    int fd = message_fd(msg);

    if (succeeded(ok, reply) && fd >= 0 && !queue_file_clear_warning(fd, &msg->qf, &err))
        log_warn("%s: %s", msg->id, err.text);
    step_end(msg);
}

static int64_t born(const struct message *msg)
{
    return msg->qf.create_time > 0 ? msg->qf.create_time : msg->qf.arrival.sec;
}

static void log_expired(struct message *msg)
{
    log_info("%s: from=<%s>, status=%s, returned to sender", msg->id,
             qmgr_log_address(msg->qm, msg->arena, msg->qf.sender),
             msg->force_expire ? "force-expired" : "expired");
}

static void step_expire(struct message *msg)
{
    struct qmgr *qm = msg->qm;
    int64_t now = moment_now().sec;

    if (msg->is_gone || msg->deferred == 0 || msg->bounce_failed) {
        step_end(msg);
    } else if (msg->force_expire ||
               backoff_is_expired(&qm->backoff, msg->qf.sender[0] == '\0', born(msg),
                                  now)) {
        log_expired(msg);
        report(msg, qm->mail->defer_service_name, BOUNCE_SEND,
               BOUNCE_CLEAN | BOUNCE_DELRCPT, expiry_sent);
    } else if (msg->qf.warn_offset > 0 && msg->qf.warn_time > 0 &&
               msg->qf.warn_time <= now) {
        report(msg, qm->mail->defer_service_name, BOUNCE_WARN, 0, warning_sent);
    } else {
        step_end(msg);
    }
}

// ---- the end
// ------------------------------------------------------------------------------------

void finish_defer_file(struct qmgr *qm, const char *id, int fd, long delay)
{
    struct timespec when[2];

    // compat: the time of the next attempt is the time of modification.
    clock_gettime(CLOCK_REALTIME, &when[0]);
    when[0].tv_sec += delay;
    when[0].tv_nsec = 0;
    when[1] = when[0];
    if (fd >= 0 && futimens(fd, when) != 0)
        log_warn("%s: update time of queue file: %m", id);
    if (!queue_move(&qm->dir, "active", "deferred", id) && errno != ENOENT)
        log_warn("%s: rename from active to deferred: %m", id);
}

static void flush_added(void *arg, bool ok, const void *reply)
{
    (void)arg, (void)ok, (void)reply; // only speeds up a later request
}

// The fast flush service learns for which sites mail waits.
void finish_tell_flush(struct message *msg, struct rcpt **rcpts, size_t len)
{
    struct qmgr *qm = msg->qm;
    struct flush_request req = {.command = FLUSH_ADD, .queue_id = msg->id};
    char path[128];
    const char *last = "";

    if (qm->flush_domains == NULL || match_list_is_empty(qm->flush_domains))
        return;
    snprintf(path, sizeof(path), "public/%s", qm->mail->flush_service_name);
    for (size_t i = 0; i < len; i++) {
        const char *at = strrchr(rcpts[i]->address, '@');

        if (at == NULL || strcasecmp(at + 1, last) == 0)
            continue;
        last = at + 1;
        if (match_list_find(qm->flush_domains, last, NULL, NULL) != MATCH_YES)
            continue;
        req.site = last;
        call_start(&qm->calls, path, &flush_call_kind, &req, flush_added, NULL);
    }
}

static void remove_file(struct message *msg)
{
    struct qmgr *qm = msg->qm;

    if (msg->from_deferred || msg->has_defer_log) {
        if (!queue_remove(&qm->dir, "defer", msg->id) && errno != ENOENT)
            log_warn("remove defer/%s: %m", msg->id);
    }
    if (queue_remove(&qm->dir, "active", msg->id))
        log_info("%s: removed", msg->id);
    else if (errno != ENOENT)
        log_warn("remove active/%s: %m", msg->id);
}

static void defer_file(struct message *msg)
{
    struct qmgr *qm = msg->qm;
    long delay = backoff_delay(&qm->backoff, born(msg), moment_now().sec);

    if (msg->bounce_failed)
        log_info("%s: status=deferred (bounce failed)", msg->id);
    finish_defer_file(qm, msg->id, message_fd(msg), delay);
}

static void step_end(struct message *msg)
{
    if (msg->deferred == 0 && !msg->is_gone)
        remove_file(msg);
    else if (!msg->is_gone)
        defer_file(msg);
    message_free(msg);
}
