// loop: the event loop for daemons with many peers (libevent underneath).
#pragma once
#include "util/base.h"

struct loop;
struct loop_io;
struct loop_timer;

enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);
void loop_free(struct loop *loop);
// After fork(2), in the child.
void loop_after_fork(struct loop *loop);
void loop_run(struct loop *loop); // until loop_stop
void loop_stop(struct loop *loop);
// Handles what is ready, waiting at most `wait_ms` (0: not at all; -1: until something is).
void loop_run_once(struct loop *loop, int wait_ms);

// Watches `fd` until loop_io_free; events of enum loop_events, 0 pauses.
struct loop_io *loop_watch(struct loop *loop, int fd, unsigned events,
                           void (*ready)(int fd, unsigned events, void *arg), void *arg);
void loop_io_set(struct loop_io *io, unsigned events);
void loop_io_free(struct loop_io *io); // NULL is fine; allowed inside its own callback

// A timer that runs once when set, and again each time it is set.
struct loop_timer *loop_timer_new(struct loop *loop, void (*expired)(void *arg), void *arg);
void loop_timer_set(struct loop_timer *timer,
                    int64_t after_ms); // replaces an earlier setting
void loop_timer_clear(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

// Runs a handler for a signal inside the loop.
void loop_on_signal(struct loop *loop, int signal, void (*handler)(int signal, void *arg),
                    void *arg);
