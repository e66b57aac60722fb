// agents: connections to delivery agents, and requests over them.
//
// A connection serves one request at a time and is kept for the next one. The batch is
// chosen when an agent is ready, not before, so that a small message can overtake until the
// end.
#include "qmgr/agents.h"
#include "mail/delivery.h"
#include "qmgr/assign.h"
#include "qmgr/manager.h"
#include "qmgr/verp.h"
#include "util/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// So many connections of one transport may wait for an agent to take them, at a time.
#define CONNECTING_MAX 4
// A full backlog is tried again after this.
#define BACKLOG_MS 200

// compat: bits of the trace_flags attribute.
#define TRACE_VERIFY ((1 << 8) | (1 << 9))
#define TRACE_RECORD (1 << 10)

enum agent_state { AGENT_CONNECTING, AGENT_IDLE, AGENT_BUSY };

struct agent {
    struct agents *agents;
    enum agent_state state;
    struct channel *channel;
    struct loop_io *io;
    struct loop_timer *timer; // idle too long; or no greeting, or no answer
    struct batch *batch;
    char *nexthop; // of the last request: the agent may have a session there
    bool used;     // answered a request before, or is known to be idle
    TAILQ_ENTRY(agent) next;
};
TAILQ_HEAD(agent_list, agent);

struct agents { // of one transport
    struct qmgr *qm;
    struct transport *transport;
    struct agent_list connecting, idle, busy;
    size_t connecting_len;
    bool lost_early; // the last one that was tried broke off without a greeting
    struct loop_timer *backlog;
};

static struct agents *agents_of(struct qmgr *qm, struct transport *t);

// ---- lists
// ------------------------------------------------------------------------------------

static struct agent_list *list_of(struct agent *a)
{
    switch (a->state) {
    case AGENT_CONNECTING:
        return &a->agents->connecting;
    case AGENT_IDLE:
        return &a->agents->idle;
    default:
        return &a->agents->busy;
    }
}

static void set_state(struct agent *a, enum agent_state state)
{
    TAILQ_REMOVE(list_of(a), a, next);
    if (a->state == AGENT_CONNECTING)
        a->agents->connecting_len--;
    a->state = state;
    TAILQ_INSERT_HEAD(list_of(a), a, next); // the last used is the first used again
    if (state == AGENT_CONNECTING)
        a->agents->connecting_len++;
}

static void agent_free(struct agent *a)
{
    TAILQ_REMOVE(list_of(a), a, next);
    if (a->state == AGENT_CONNECTING)
        a->agents->connecting_len--;
    loop_io_free(a->io);
    loop_timer_free(a->timer);
    channel_close(a->channel);
    free(a->nexthop);
    free(a);
}

// ---- the end of a request
// -------------------------------------------------------------------------

static void kill_transport(struct agents *s, const char *reason)
{
    struct qmgr *qm = s->qm;
    struct transport *t = s->transport;
    struct agent *a;

    transport_kill(t, "4.3.0", reason, clock_ms(),
                   qm->cfg->transport_retry_time.seconds * (int64_t)1000);
    while ((a = TAILQ_FIRST(&s->connecting)) != NULL)
        agent_free(a);
    assign_dead_transport(t);
}

// The batch is over for this attempt. `deferred` recipients of it stay.
static void batch_over(struct qmgr *qm, struct batch *b, enum batch_result result,
                       size_t deferred, const char *dsn, const char *reason)
{
    struct message *msg = b->msg;
    struct dest *d = b->dest;
    struct rcpt **rcpts = b->rcpts;
    size_t len = b->rcpts_len;

    d->transport->core_rcpts -= (long)len;
    b->rcpts = NULL; // sched_done frees the batch
    if (sched_done(b, result, dsn, reason, clock_ms(),
                   qm->cfg->minimal_backoff_time.seconds * (int64_t)1000))
        assign_dead_dest(d);
    message_rcpts_done(msg, rcpts, len, deferred);
    free(rcpts);
}

// The agent broke off in the middle: nobody logged anything, so the retry service does.
static void batch_failed(struct batch *b, const char *reason)
{
    struct message *msg = b->msg;
    struct rcpt **rcpts = b->rcpts;
    size_t len = b->rcpts_len;

    bool is_retry = strcmp(b->dest->transport->name, "retry") == 0;

    b->dest->transport->core_rcpts -= (long)len;
    b->rcpts = NULL;
    sched_done(b, BATCH_NO_VERDICT, NULL, NULL, clock_ms(), 0);
    if (is_retry)
        message_rcpts_done(msg, rcpts, len, len);
    else
        assign_to_retry(msg, rcpts, len, "4.3.0", "", reason);
    free(rcpts);
}

// The agent may have got so far that it marked recipients: they are not tried again. True
// when there are others left.
static bool drop_marked(struct batch *b)
{
    struct message *msg = b->msg;
    int fd = message_fd(msg);
    size_t kept = 0;

    for (size_t i = 0; i < b->rcpts_len; i++) {
        struct rcpt *r = b->rcpts[i];
        char type;

        if (fd >= 0 && pread(fd, &type, 1, (off_t)r->offset) == 1 && type == REC_DONE)
            continue;
        b->rcpts[i] = b->rcpts[kept];
        b->rcpts[kept++] = r;
    }
    if (kept == 0)
        return false;
    b->dest->transport->core_rcpts -= (long)(b->rcpts_len - kept);
    if (kept < b->rcpts_len)
        message_rcpts_done(msg, b->rcpts + kept, b->rcpts_len - kept, 0);
    b->rcpts_len = kept;
    return true;
}

// compat: the words that administrators know.
static void warn_broken(const struct agents *s)
{
    log_warn(
        "premature end-of-input on private/%s socket while reading input attribute name",
        s->transport->name);
    log_warn("private/%s socket: malformed response", s->transport->name);
    log_warn(
        "transport %s failure -- see a previous warning/fatal/panic logfile record for "
        "the problem description",
        s->transport->name);
}

static void agent_lost(struct agent *a)
{
    struct agents *s = a->agents;
    struct qmgr *qm = s->qm;
    struct batch *b = a->batch;
    bool was_connecting = a->state == AGENT_CONNECTING, was_used = a->used;

    agent_free(a);
    if (b != NULL && was_used) {
        // Most likely the agent was about to leave when the request came: another one takes
        // it.
        if (drop_marked(b))
            sched_put_back(b, clock_ms());
        else
            batch_over(qm, b, BATCH_NO_VERDICT, 0, NULL, NULL);
    } else if (b != NULL) {
        warn_broken(s);
        batch_failed(b, "unknown mail transport error");
        kill_transport(s, "unknown mail transport error");
    } else if (was_connecting && s->lost_early) {
        warn_broken(s);
        s->lost_early = false;
        kill_transport(s, "unknown mail transport error");
    } else if (was_connecting) {
        s->lost_early = true;
    }
    agents_dispatch(qm, s->transport);
}

// ---- requests
// -----------------------------------------------------------------------------------

static int64_t request_flags(const struct message *msg, const struct dest *d)
{
    int64_t flags = DELIVERY_CONN_LOAD;

    if (d->waiting > 0)
        flags |= DELIVERY_CONN_STORE;
    if (msg->qf.trace_flags & TRACE_VERIFY)
        flags |= DELIVERY_VERIFY;
    // sendmail -v asks for a report about the first attempt.
    if ((msg->qf.trace_flags & TRACE_RECORD) && !msg->from_deferred)
        flags |= DELIVERY_RECORD;
    // The W record was zeroed when the warning went out.
    if (msg->qm->cfg->confirm_delay_cleared && msg->qf.warn_offset > 0 &&
        msg->qf.warn_time == 0)
        flags |= DELIVERY_DELAY_SENT;
    return flags;
}

static void fill_request(const struct batch *b, struct arena *arena,
                         struct delivery_request *req)
{
    struct message *msg = b->msg;
    const struct queue_file *qf = &msg->qf;
    struct delivery_rcpt *rcpts = arena_array(arena, b->rcpts_len, sizeof(*rcpts));
    struct moment now = moment_now();

    for (size_t i = 0; i < b->rcpts_len; i++) {
        const struct rcpt *r = b->rcpts[i];

        rcpts[i] = (struct delivery_rcpt){.address = r->address,
                                          .orig = r->orig,
                                          .dsn_orcpt = r->dsn_orcpt,
                                          .dsn_notify = r->dsn_notify,
                                          .offset = r->offset};
    }
    *req = (struct delivery_request){
        .flags = request_flags(msg, b->dest),
        .queue_name = "active",
        .queue_id = msg->id,
        .nexthop = b->dest->nexthop,
        .encoding = qf->encoding,
        .sender = qf->sender,
        .envelope_id = qf->envelope_id,
        .rewrite_context = qf->rewrite_context,
        .log_ident = qf->log_ident,
        .sasl_method = queue_file_attr(qf, "sasl_method"),
        .sasl_username = queue_file_attr(qf, "sasl_username"),
        .sasl_sender = queue_file_attr(qf, "sasl_sender"),
        .client_name = queue_file_attr(qf, "log_client_name"),
        .client_address = queue_file_attr(qf, "log_client_address"),
        .client_port = queue_file_attr(qf, "log_client_port"),
        .client_proto = queue_file_attr(qf, "log_protocol_name"),
        .client_helo = queue_file_attr(qf, "log_helo_name"),
        .data_offset = qf->data_offset,
        .data_size = qf->content_size,
        .message_length = qf->message_length,
        .send_options = qf->send_options,
        .dsn_ret = qf->dsn_ret,
        .trace_flags = qf->trace_flags,
        .arrival_sec = qf->arrival.sec,
        .arrival_usec = qf->arrival.usec,
        .active_sec = msg->active_at.sec,
        .active_usec = msg->active_at.usec,
        .agent_sec = now.sec,
        .agent_usec = now.usec,
        .rcpts = rcpts,
        .rcpts_len = b->rcpts_len,
    };
    if (qf->verp != NULL && qf->verp[0] != '\0' && qf->sender[0] != '\0' &&
        b->rcpts_len == 1)
        req->sender = verp_sender(arena, qf->verp, qf->sender, b->rcpts[0]->address);
}

// False: the agent is gone and the batch waits again.
static void send_batch(struct agent *a, struct batch *b)
{
    struct qmgr *qm = a->agents->qm;
    struct arena *arena = arena_new();
    struct delivery_request req;
    struct error err;
    size_t unsent = 0;
    int fd = message_fd(b->msg);

    if (fd < 0) { // somebody removed the file: there is nothing to deliver any more
        arena_free(arena);
        b->msg->is_gone = true;
        batch_over(qm, b, BATCH_NO_VERDICT, 0, NULL, NULL);
        return;
    }
    fill_request(b, arena, &req);
    set_state(a, AGENT_BUSY);
    a->batch = b;
    free(a->nexthop);
    a->nexthop = mem_strdup(b->dest->nexthop);
    loop_timer_clear(a->timer);
    bool sent = channel_put(a->channel, &delivery_request_kind, &req, &err) &&
                channel_put_fd(a->channel, fd, &err) &&
                channel_try_flush(a->channel, &unsent, &err);

    arena_free(arena);
    if (qm->open_files > qm->open_files_max)
        message_close_fd(b->msg);
    if (!sent)
        agent_lost(a);
    else if (unsent > 0)
        loop_io_set(a->io, LOOP_READ | LOOP_WRITE);
}

static void got_result(struct agent *a, struct str frame)
{
    struct qmgr *qm = a->agents->qm;
    struct transport *t = a->agents->transport;
    struct arena *arena = arena_new();
    struct delivery_result r;
    struct error err;
    struct batch *b = a->batch;

    if (b == NULL || !message_decode(arena, frame, &delivery_result_kind, &r, &err)) {
        a->used = false;
        agent_lost(a);
        arena_free(arena);
        return;
    }
    size_t len = b->rcpts_len;
    // Those that the agent did not account for stay, too.
    size_t done = r.done < 0 ? 0 : (size_t)r.done > len ? len : (size_t)r.done;

    a->batch = NULL;
    a->used = true;
    if (r.last) {
        agent_free(a);
    } else {
        set_state(a, AGENT_IDLE);
        loop_timer_set(a->timer, qm->mail->ipc_idle.seconds * (int64_t)1000);
    }
    batch_over(qm, b, r.destination_dead ? BATCH_DEST_FAILED : BATCH_OK, len - done, r.dsn,
               r.reason);
    arena_free(arena);
    agents_dispatch(qm, t);
}

static void agent_ready(int fd, unsigned events, void *arg)
{
    struct agent *a = arg;
    struct agents *s = a->agents;
    struct error err;
    struct str frame;
    uint16_t kind_id;
    size_t unsent;

    (void)fd;
    if (events & LOOP_WRITE) {
        if (!channel_try_flush(a->channel, &unsent, &err)) {
            agent_lost(a);
            return;
        }
        if (unsent == 0)
            loop_io_set(a->io, LOOP_READ);
    }
    if (!(events & LOOP_READ))
        return;
    switch (channel_try_receive(a->channel, &kind_id, &frame, &err)) {
    case CHANNEL_AGAIN:
        return;
    case CHANNEL_OK:
        if (kind_id == delivery_ready_kind.id && a->state == AGENT_CONNECTING) {
            s->lost_early = false;
            // One that waits without work may leave unseen, as after a request.
            a->used = !sched_has_work(s->transport, clock_ms());
            set_state(a, AGENT_IDLE);
            loop_timer_set(a->timer, s->qm->mail->ipc_idle.seconds * (int64_t)1000);
            agents_dispatch(s->qm, s->transport);
            return;
        }
        if (kind_id == delivery_result_kind.id && a->state == AGENT_BUSY) {
            got_result(a, frame);
            return;
        }
        a->used = false;
        break;
    case CHANNEL_CLOSED:
    case CHANNEL_FAILED:
        break;
    }
    agent_lost(a);
}

// ---- connections
// --------------------------------------------------------------------------------

static void agent_timed_out(void *arg)
{
    struct agent *a = arg;

    // Behind busy agents a connection may wait as long as they need.
    if (a->state == AGENT_CONNECTING && !TAILQ_EMPTY(&a->agents->busy)) {
        loop_timer_set(a->timer,
                       a->agents->qm->cfg->qmgr_ipc_timeout.seconds * (int64_t)1000);
        return;
    }
    if (a->state == AGENT_CONNECTING) {
        log_warn("timeout connecting to transport: %s", a->agents->transport->name);
        a->agents->lost_early = true;
    }
    agent_lost(a);
}

static void backlog_over(void *arg)
{
    struct agents *s = arg;

    agents_dispatch(s->qm, s->transport);
}

static struct agents *agents_of(struct qmgr *qm, struct transport *t)
{
    struct agents *s = t->agents;

    if (s != NULL)
        return s;
    s = mem_alloc(sizeof(*s));
    s->qm = qm;
    s->transport = t;
    TAILQ_INIT(&s->connecting);
    TAILQ_INIT(&s->idle);
    TAILQ_INIT(&s->busy);
    s->backlog = loop_timer_new(qm->loop, backlog_over, s);
    t->agents = s;
    return s;
}

static int connect_now(const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int saved;

    snprintf(addr.sun_path, sizeof(addr.sun_path), "private/%s", name);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return fd;
    saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return -1;
}

static void start_connecting(struct agents *s)
{
    int fd = connect_now(s->transport->name);

    if (fd < 0 && (errno == EAGAIN || errno == EMFILE || errno == ENFILE)) {
        if (!loop_timer_is_set(s->backlog))
            loop_timer_set(s->backlog, BACKLOG_MS);
        return;
    }
    if (fd < 0) {
        log_warn("connect to transport private/%s: %m", s->transport->name);
        kill_transport(s, "mail transport unavailable");
        return;
    }
    struct agent *a = mem_alloc(sizeof(*a));
    int timeout_ms = (int)s->qm->cfg->qmgr_ipc_timeout.seconds * 1000;

    a->agents = s;
    a->channel = channel_open(fd, timeout_ms);
    a->io = loop_watch(s->qm->loop, fd, LOOP_READ, agent_ready, a);
    a->timer = loop_timer_new(s->qm->loop, agent_timed_out, a);
    loop_timer_set(a->timer, timeout_ms);
    a->state = AGENT_CONNECTING;
    TAILQ_INSERT_HEAD(&s->connecting, a, next);
    s->connecting_len++;
}

static struct agent *idle_agent(struct agents *s, const char *nexthop)
{
    struct agent *a;

    TAILQ_FOREACH(a, &s->idle, next)
    if (a->nexthop != NULL && strcmp(a->nexthop, nexthop) == 0)
        return a;
    return TAILQ_FIRST(&s->idle);
}

// Ends idle connections that the agent has left without our loop having seen it so far.
static bool has_idle(struct agents *s)
{
    struct agent *a;

    while ((a = TAILQ_FIRST(&s->idle)) != NULL) {
        if (!a->used || !channel_is_stale(a->channel))
            return true;
        agent_free(a);
    }
    return false;
}

void agents_dispatch(struct qmgr *qm, struct transport *t)
{
    struct agents *s = agents_of(qm, t);
    struct batch *b;

    if (service_is_draining(qm->svc)) // what begins now is the next queue manager's
        return;
    while (sched_has_work(t, clock_ms())) {
        if (has_idle(s)) {
            b = sched_select(t, clock_ms());
            send_batch(idle_agent(s, b->dest->nexthop), b);
            continue;
        }
        if (s->connecting_len >= CONNECTING_MAX || (long)s->connecting_len >= t->waiting ||
            loop_timer_is_set(s->backlog))
            return;
        start_connecting(s);
    }
}

void agents_dispatch_all(struct qmgr *qm)
{
    struct transport *t, *next;

    // A transport that turns out dead hands its mail to another one, perhaps a new one.
    do {
        qm->has_new_work = false;
        HASH_ITER(hh, qm->sched.transports, t, next)
        {
            if (t->waiting > 0)
                agents_dispatch(qm, t);
        }
    } while (qm->has_new_work);
}
