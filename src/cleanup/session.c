// session: the dialogue with one client of cleanup(8), message after message.
#include "cleanup/session.h"
#include "cleanup/msg.h"
#include "cleanup/process.h"
#include "cleanup/spool.h"
#include "util/log.h"
#include <poll.h>
#include <unistd.h>

// A big message must not look like a hang; a small one need not say anything.
#define CHUNKS_A_SIGN 64u

struct session {
    struct cleanup_worker *worker;
    struct channel *ch;
    struct arena *arena;       // lives for a message
    struct arena *chunk_arena; // for a frame of content
    struct spool *spool;
    struct msg msg;
    char id[64];
    int fd; // the queue file, -1 when there is none
    const char *queue;
    bool has_envelope, spool_failed;
    unsigned chunks;
};

// ---- the queue file --------------------------------------------------------------------

static void drop_file(struct session *s)
{
    if (s->fd < 0)
        return;
    close(s->fd);
    s->fd = -1;
    if (!queue_remove(&s->worker->queue, s->queue, s->id))
        log_warn("%s: remove queue file: %m", s->id);
}

static void cancel(struct session *s)
{
    if (s->fd >= 0)
        log_info("%s: removed (canceled)", s->id);
    drop_file(s);
}

// Held mail goes to hold/ before it is complete, so that the queue manager never sees it.
static bool hold(struct session *s)
{
    if (!s->msg.hold)
        return true;
    if (!queue_move(&s->worker->queue, "incoming", "hold", s->id)) {
        log_warn("%s: move to hold: %m", s->id);
        return msg_fail(&s->msg, CLEANUP_WRITE_ERROR, "");
    }
    s->queue = "hold";
    return true;
}

static void commit(struct session *s)
{
    struct error err;

    if (!hold(s))
        return;
    if (queue_writer_commit(s->msg.out, true, &err)) {
        close(s->fd);
        s->fd = -1;
        if (!s->msg.hold)
            qmgr_client_arrived(s->worker->qmgr, s->id);
        return;
    }
    log_warn("%s: %s", s->id, err.text);
    msg_fail(&s->msg, CLEANUP_WRITE_ERROR, "");
}

// ---- the steps of a message ------------------------------------------------------------

// Mail comes in faster than the queue manager takes it: give way.
static void slow_down(const struct session *s)
{
    long delay = s->worker->cfg->in_flow_delay.seconds;

    if (delay > 0 && !flow_take(s->worker->flow))
        poll(NULL, 0, (int)delay * 1000);
}

static bool on_begin(struct session *s, struct str frame, struct error *err)
{
    struct cleanup_begin_msg begin;
    struct cleanup_began_msg began = {.id = "", .reason = ""};
    const struct mail_config *mail = s->worker->mail;
    struct error why;

    cancel(s);
    service_alive(s->worker->svc);
    arena_reset(s->arena);
    if (!message_decode(s->arena, frame, &cleanup_begin_kind, &begin, err))
        return false;
    slow_down(s);
    struct moment now = moment_now();

    s->fd = queue_create(&s->worker->queue, "incoming", now, s->id, &why);
    s->queue = "incoming";
    if (s->fd < 0) {
        log_warn("%s", why.text);
        began.reason = why.text;
    } else {
        began.id = s->id;
    }
    s->msg = (struct msg){.arena = s->arena,
                          .tables = s->worker->tables,
                          .mail = mail,
                          .cfg = s->worker->cfg,
                          .id = s->id,
                          .created = now};
    s->spool = spool_make(s->arena, "incoming", (size_t)mail->message_size_limit);
    s->has_envelope = s->spool_failed = false;
    return channel_send(s->ch, &cleanup_began_kind, &began, err);
}

static bool on_envelope(struct session *s, struct str frame, struct error *err)
{
    if (s->fd < 0 || s->has_envelope)
        return error_temp(err, "4.3.0", "envelope out of order");
    s->has_envelope = true;
    return message_decode(s->arena, frame, &cleanup_envelope_kind, &s->msg.env, err);
}

static bool on_chunk(struct session *s, struct str frame, struct error *err)
{
    struct cleanup_chunk_msg chunk;
    struct error why;

    if (s->fd < 0)
        return error_temp(err, "4.3.0", "content out of order");
    if (++s->chunks % CHUNKS_A_SIGN == 0)
        service_alive(s->worker->svc);
    arena_reset(s->chunk_arena);
    if (!message_decode(s->chunk_arena, frame, &cleanup_chunk_kind, &chunk, err))
        return false;
    if (s->spool_failed || spool_add(s->spool, chunk.data, &why))
        return true;
    log_warn("%s: %s", s->id, why.text);
    s->spool_failed = true;
    return true;
}

// Decisions that came after the envelope.
static void add_late(struct session *s, const struct cleanup_end_msg *end)
{
    struct cleanup_envelope *env = &s->msg.env;

    env->flags |= end->flags & (CLEANUP_HOLD | CLEANUP_DISCARD);
    if (end->filter[0] != 0)
        env->filter = end->filter;
    if (end->redirect[0] != 0)
        env->redirect = end->redirect;
    if (end->bcc_len == 0)
        return;
    struct cleanup_attr *bcc =
        arena_array(s->arena, env->bcc_len + end->bcc_len, sizeof(*bcc));

    if (env->bcc_len > 0)
        memcpy(bcc, env->bcc, env->bcc_len * sizeof(*bcc));
    memcpy(bcc + env->bcc_len, end->bcc, end->bcc_len * sizeof(*bcc));
    env->bcc = bcc;
    env->bcc_len += end->bcc_len;
}

static void judge(struct session *s)
{
    struct msg *m = &s->msg;
    struct error err;

    m->reason = "";
    if (s->spool_failed || !spool_view(s->spool, &m->content, &err)) {
        msg_fail(m, CLEANUP_WRITE_ERROR, "");
        return;
    }
    if (spool_is_over(s->spool))
        msg_fail(m, CLEANUP_TOO_BIG, "");
    process_message(m, s->fd);
    if (m->discard)
        log_info("%s: removed (discarded)", s->id);
    else if (m->status == CLEANUP_OK && !m->bounced)
        commit(s);
}

static bool on_end(struct session *s, struct str frame, struct error *err)
{
    struct cleanup_end_msg end;

    if (s->fd < 0 || !s->has_envelope)
        return error_temp(err, "4.3.0", "end of message out of order");
    if (!message_decode(s->arena, frame, &cleanup_end_kind, &end, err))
        return false;
    add_late(s, &end);
    judge(s);
    drop_file(s);
    struct cleanup_result result = {
        .status = s->msg.status,
        .reason = s->msg.reason,
        .size = s->msg.extracted_offset - s->msg.data_offset,
    };

    return channel_send(s->ch, &cleanup_result_kind, &result, err);
}

static bool on_cancel(struct session *s, struct str frame, struct error *err)
{
    (void)frame;
    (void)err;
    cancel(s);
    return true;
}

static const struct step {
    const struct message_kind *kind;
    bool (*run)(struct session *s, struct str frame, struct error *err);
} steps[] = {
    {&cleanup_begin_kind,    on_begin   },
    {&cleanup_envelope_kind, on_envelope},
    {&cleanup_chunk_kind,    on_chunk   },
    {&cleanup_end_kind,      on_end     },
    {&cleanup_cancel_kind,   on_cancel  },
};

static bool run_step(struct session *s, uint16_t kind, struct str frame, struct error *err)
{
    for (size_t i = 0; i < COUNT(steps); i++)
        if (steps[i].kind->id == kind)
            return steps[i].run(s, frame, err);
    return error_temp(err, "4.3.0", "unknown request %u", kind);
}

void session_serve(struct cleanup_worker *worker, int fd)
{
    struct session s = {.worker = worker, .fd = -1};
    struct error err;
    struct str frame;
    uint16_t kind;

    s.ch = channel_open(fd, (int)worker->mail->ipc_timeout.seconds * 1000);
    s.arena = arena_new();
    s.chunk_arena = arena_new();
    while (channel_receive_any(s.ch, &kind, &frame, &err) == CHANNEL_OK) {
        if (!run_step(&s, kind, frame, &err)) {
            log_warn("request of a client: %s", err.text);
            break;
        }
        // A message that was begun is still taken.
        if (s.fd < 0 && service_is_draining(worker->svc))
            break;
    }
    cancel(&s);
    channel_close(s.ch);
    arena_free(s.chunk_arena);
    arena_free(s.arena);
    maps_refresh_all();
}
