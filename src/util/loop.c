// loop: the event loop for daemons with many peers (libevent underneath).
#include "util/loop.h"
#include "util/arena.h"
#include "util/log.h"
#include <event2/event.h>
#include <stdlib.h>

struct loop {
    struct event_base *base;
    struct event *wait_end; // bounds loop_run_once
};

struct loop_io {
    struct loop *loop;
    struct event *event;
    int fd;
    void (*ready)(int fd, unsigned events, void *arg);
    void *arg;
};

struct loop_timer {
    struct event *event;
    void (*expired)(void *arg);
    void *arg;
};

struct signal_hook {
    void (*handler)(int signal, void *arg);
    void *arg;
};

// Its firing is what ends the wait.
static void wait_ended(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_alloc(sizeof(*loop));

    loop->base = event_base_new();
    if (loop->base != NULL)
        loop->wait_end = evtimer_new(loop->base, wait_ended, NULL);
    if (loop->wait_end == NULL)
        log_fatal("cannot make an event loop");
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    event_free(loop->wait_end);
    event_base_free(loop->base);
    free(loop);
}

void loop_after_fork(struct loop *loop)
{
    if (event_reinit(loop->base) != 0)
        log_fatal("cannot renew the event loop after fork");
}

void loop_run(struct loop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

void loop_run_once(struct loop *loop, int wait_ms)
{
    struct timeval wait = {wait_ms / 1000, (wait_ms % 1000) * 1000};

    if (wait_ms > 0)
        evtimer_add(loop->wait_end, &wait);
    event_base_loop(loop->base, EVLOOP_ONCE | (wait_ms == 0 ? EVLOOP_NONBLOCK : 0) |
                                    EVLOOP_NO_EXIT_ON_EMPTY);
    if (wait_ms > 0)
        evtimer_del(loop->wait_end);
}

static void io_ready(evutil_socket_t fd, short what, void *arg)
{
    struct loop_io *io = arg;
    unsigned events =
        (what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u);

    io->ready(fd, events, io->arg);
}

struct loop_io *loop_watch(struct loop *loop, int fd, unsigned events,
                           void (*ready)(int fd, unsigned events, void *arg), void *arg)
{
    struct loop_io *io = mem_alloc(sizeof(*io));

    *io = (struct loop_io){.loop = loop, .fd = fd, .ready = ready, .arg = arg};
    loop_io_set(io, events);
    return io;
}

void loop_io_set(struct loop_io *io, unsigned events)
{
    short what =
        (short)((events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0));

    if (io->event != NULL)
        event_free(io->event);
    io->event = NULL;
    if (what == 0)
        return;
    io->event = event_new(io->loop->base, io->fd, (short)(what | EV_PERSIST), io_ready, io);
    if (io->event == NULL || event_add(io->event, NULL) < 0)
        log_fatal("cannot watch descriptor %d", io->fd);
}

void loop_io_free(struct loop_io *io)
{
    if (io == NULL)
        return;
    if (io->event != NULL)
        event_free(io->event);
    free(io);
}

static void timer_expired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *timer = arg;

    (void)fd;
    (void)what;
    timer->expired(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*expired)(void *arg), void *arg)
{
    struct loop_timer *timer = mem_alloc(sizeof(*timer));

    *timer = (struct loop_timer){.expired = expired, .arg = arg};
    timer->event = evtimer_new(loop->base, timer_expired, timer);
    if (timer->event == NULL)
        log_fatal("cannot make a timer");
    return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t after_ms)
{
    if (after_ms < 0)
        after_ms = 0;

    struct timeval after = {after_ms / 1000, (after_ms % 1000) * 1000};
    if (evtimer_add(timer->event, &after) < 0)
        log_fatal("cannot set a timer");
}

void loop_timer_clear(struct loop_timer *timer)
{
    evtimer_del(timer->event);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
    return evtimer_pending(timer->event, NULL) != 0;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    event_free(timer->event);
    free(timer);
}

static void signal_came(evutil_socket_t sig, short what, void *arg)
{
    struct signal_hook *hook = arg;

    (void)what;
    hook->handler(sig, hook->arg);
}

void loop_on_signal(struct loop *loop, int sig, void (*handler)(int signal, void *arg),
                    void *arg)
{
    struct signal_hook *hook = mem_alloc(sizeof(*hook)); // lives as long as the loop

    *hook = (struct signal_hook){handler, arg};
    struct event *event = evsignal_new(loop->base, sig, signal_came, hook);
    if (event == NULL || event_add(event, NULL) < 0)
        log_fatal("cannot handle signal %d", sig);
}
