// calls: requests to bounce, defer, trace and flush that do not hold up the loop.
#include "qmgr/calls.h"
#include "util/arena.h"
#include "util/clock.h"
#include "util/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Connections to one service, at a time.
#define CONNECTIONS_MAX 8
#define RETRY_MS 200

struct call {
    struct arena *arena; // holds the encoded request
    const struct call_kind *kind;
    struct buf *request;
    call_done *done;
    void *arg;
    bool retried;
    int64_t deadline_ms;
    TAILQ_ENTRY(call) next;
};

struct connection {
    struct call_service *service;
    struct channel *channel;
    struct loop_io *io;
    struct loop_timer *timer;
    struct call *call; // NULL: idle
    bool used;
    TAILQ_ENTRY(connection) next;
};

struct call_service {
    struct calls *calls;
    char *path;
    TAILQ_HEAD(, call) waiting;
    TAILQ_HEAD(, connection) idle, busy;
    size_t connections;
    struct loop_timer *retry;
    UT_hash_handle hh;
};

static void run_waiting(struct call_service *s);

void calls_init(struct calls *calls, struct loop *loop, int timeout_ms, int idle_ms)
{
    *calls = (struct calls){.loop = loop, .timeout_ms = timeout_ms, .idle_ms = idle_ms};
}

static void connection_free(struct connection *c)
{
    if (c->call == NULL)
        TAILQ_REMOVE(&c->service->idle, c, next);
    else
        TAILQ_REMOVE(&c->service->busy, c, next);
    c->service->connections--;
    loop_io_free(c->io);
    loop_timer_free(c->timer);
    channel_close(c->channel);
    free(c);
}

static void call_end(struct call *call, bool ok, const void *reply)
{
    call->done(call->arg, ok, reply);
    arena_free(call->arena);
}

// The connection is of no use any more. A call that an old connection lost is tried anew
// once.
static void connection_lost(struct connection *c, const char *why)
{
    struct call_service *s = c->service;
    struct call *call = c->call;
    bool again = call != NULL && c->used && !call->retried;

    connection_free(c);
    if (again) {
        call->retried = true;
        TAILQ_INSERT_HEAD(&s->waiting, call, next);
    } else if (call != NULL) {
        log_warn("%s: %s", s->path, why);
        call_end(call, false, NULL);
    }
    run_waiting(s);
}

static void to_idle(struct connection *c)
{
    TAILQ_REMOVE(&c->service->busy, c, next);
    c->call = NULL;
    c->used = true;
    TAILQ_INSERT_HEAD(&c->service->idle, c, next);
    loop_io_set(c->io, LOOP_READ);
    loop_timer_set(c->timer, c->service->calls->idle_ms);
}

static void got_reply(struct connection *c, uint16_t kind_id, struct str frame)
{
    struct call *call = c->call;
    const struct message_kind *kind = call->kind->reply;
    struct error err;
    char reply[256] = {0};

    ensure(kind->size <= sizeof(reply));
    if (kind_id != kind->id || !message_decode(call->arena, frame, kind, reply, &err)) {
        connection_lost(c, "malformed response");
        return;
    }
    struct call_service *s = c->service;

    to_idle(c);
    call_end(call, true, reply);
    run_waiting(s);
}

static void ready(int fd, unsigned events, void *arg)
{
    struct connection *c = arg;
    struct error err;
    struct str frame;
    uint16_t kind_id;
    size_t unsent;

    (void)fd;
    if (events & LOOP_WRITE) {
        if (!channel_try_flush(c->channel, &unsent, &err)) {
            connection_lost(c, err.text);
            return;
        }
        if (unsent == 0)
            loop_io_set(c->io, LOOP_READ);
    }
    if (!(events & LOOP_READ))
        return;
    switch (channel_try_receive(c->channel, &kind_id, &frame, &err)) {
    case CHANNEL_AGAIN:
        return;
    case CHANNEL_OK:
        if (c->call != NULL) {
            got_reply(c, kind_id, frame);
            return;
        }
        connection_lost(c, "spoke out of turn");
        return;
    case CHANNEL_CLOSED:
    case CHANNEL_FAILED:
        connection_lost(c, "connection lost while waiting for the response");
    }
}

static void timed_out(void *arg)
{
    struct connection *c = arg;

    c->used = false; // no second try
    connection_lost(c, "timeout while waiting for the response");
}

static int connect_now(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int saved;

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static struct connection *connection_new(struct call_service *s)
{
    int fd = connect_now(s->path);

    if (fd < 0)
        return NULL;
    struct connection *c = mem_alloc(sizeof(*c));

    c->service = s;
    c->channel = channel_open(fd, s->calls->timeout_ms);
    c->io = loop_watch(s->calls->loop, fd, 0, ready, c);
    c->timer = loop_timer_new(s->calls->loop, timed_out, c);
    TAILQ_INSERT_HEAD(&s->idle, c, next);
    s->connections++;
    return c;
}

static void send_call(struct connection *c, struct call *call)
{
    struct error err;
    size_t unsent = 0;

    TAILQ_REMOVE(&c->service->idle, c, next);
    c->call = call;
    TAILQ_INSERT_HEAD(&c->service->busy, c, next);
    loop_timer_set(c->timer, c->service->calls->timeout_ms);
    if (!channel_put_frame(c->channel, buf_view(call->request), &err) ||
        !channel_try_flush(c->channel, &unsent, &err))
        connection_lost(c, err.text);
    else
        loop_io_set(c->io, unsent > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

// Without a connection the calls fail; a full backlog is only a reason to wait.
static void connect_failed(struct call_service *s)
{
    struct call *call;

    if (errno == EAGAIN) {
        if (!loop_timer_is_set(s->retry))
            loop_timer_set(s->retry, RETRY_MS);
        if (clock_ms() < TAILQ_FIRST(&s->waiting)->deadline_ms)
            return;
    }
    log_warn("connect to service %s: %m", s->path);
    while ((call = TAILQ_FIRST(&s->waiting)) != NULL) {
        TAILQ_REMOVE(&s->waiting, call, next);
        call_end(call, false, NULL);
    }
}

static void run_waiting(struct call_service *s)
{
    struct call *call;
    struct connection *c;

    while ((call = TAILQ_FIRST(&s->waiting)) != NULL) {
        c = TAILQ_FIRST(&s->idle);
        if (c == NULL && s->connections >= CONNECTIONS_MAX)
            return;
        if (c == NULL && (c = connection_new(s)) == NULL) {
            connect_failed(s);
            return;
        }
        TAILQ_REMOVE(&s->waiting, call, next);
        send_call(c, call);
    }
}

static void retry_due(void *arg)
{
    run_waiting(arg);
}

static struct call_service *service_get(struct calls *calls, const char *path)
{
    struct call_service *s;

    HASH_FIND_STR(calls->services, path, s);
    if (s != NULL)
        return s;
    s = mem_alloc(sizeof(*s));
    s->calls = calls;
    s->path = mem_strdup(path);
    TAILQ_INIT(&s->waiting);
    TAILQ_INIT(&s->idle);
    TAILQ_INIT(&s->busy);
    s->retry = loop_timer_new(calls->loop, retry_due, s);
    HASH_ADD_KEYPTR(hh, calls->services, s->path, strlen(s->path), s);
    return s;
}

void call_start(struct calls *calls, const char *path, const struct call_kind *kind,
                const void *request, call_done *done, void *arg)
{
    struct call_service *s = service_get(calls, path);
    struct arena *arena = arena_new();
    struct call *call = ARENA_NEW(arena, struct call);

    call->arena = arena;
    call->kind = kind;
    call->request = buf_make(arena, MESSAGE_MAX);
    call->done = done;
    call->arg = arg;
    call->deadline_ms = clock_ms() + calls->timeout_ms;
    if (!message_encode(call->request, kind->request, request)) {
        call_end(call, false, NULL);
        return;
    }
    TAILQ_INSERT_TAIL(&s->waiting, call, next);
    run_waiting(s);
}

void calls_free(struct calls *calls)
{
    struct call_service *s, *next;
    struct connection *c;
    struct call *call;

    HASH_ITER(hh, calls->services, s, next)
    {
        while ((c = TAILQ_FIRST(&s->busy)) != NULL || (c = TAILQ_FIRST(&s->idle)) != NULL) {
            if (c->call != NULL)
                arena_free(c->call->arena);
            connection_free(c);
        }
        while ((call = TAILQ_FIRST(&s->waiting)) != NULL) {
            TAILQ_REMOVE(&s->waiting, call, next);
            arena_free(call->arena);
        }
        HASH_DEL(calls->services, s);
        loop_timer_free(s->retry);
        free(s->path);
        free(s);
    }
}
