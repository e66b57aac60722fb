// master_stop: ending in good order: first no more mail comes in, then nothing runs any
// more.
//
// Workers that hold a client are given time to finish it, those that other hosts talk to
// first: the services inside are still needed for that. Nobody is waited for long: `postfix
// stop` gives five seconds, and what a killed process had not finished is in the queue.
#include "master/master_stop.h"
#include "master/master_event.h"
#include "master/master_notify.h"
#include "master/master_reload.h"
#include "master/master_service.h"
#include "util/log.h"
#include <signal.h>

static const int64_t phase_ms[] = {[STOP_INTAKE] = 2000,
                                   [STOP_ALL] = 1000,
                                   [STOP_LOG] = 500,
                                   [STOP_TERM] = 500,
                                   [STOP_KILL] = 100};

static bool is_intake(const struct master_service *service)
{
    return service->entry != NULL && service->entry->type == MASTER_INET;
}

// What the others have to say until their end still has to get into the log.
static bool is_log(const struct master_service *service)
{
    return service->entry != NULL && service->entry->type == MASTER_UNIX_DGRAM;
}

static bool is_any(const struct master_service *service)
{
    return service->entry != NULL;
}

static bool is_no_log(const struct master_service *service)
{
    return is_any(service) && !is_log(service);
}

// Which services end in a phase; the next one begins when they have no processes any more.
static bool (*const ends_in[])(const struct master_service *) = {
    [STOP_INTAKE] = is_intake, [STOP_ALL] = is_no_log, [STOP_LOG] = is_any,
    [STOP_TERM] = is_any,      [STOP_KILL] = is_any,
};

static void close_services(struct master *master, enum stop_phase phase)
{
    for (struct master_service *s = master->services; s != NULL; s = s->next) {
        if (!ends_in[phase](s))
            continue;
        service_pause(s);
        service_retire_pools(s);
        s->listen.path[0] = '\0'; // its name stays, as with Postfix
        listen_release(&s->listen, NULL);
    }
}

static bool is_over(const struct master *master, enum stop_phase phase)
{
    for (const struct master_service *s = master->services; s != NULL; s = s->next)
        if (ends_in[phase](s) && s->old != NULL)
            return false;
    return true;
}

static void enter_phase(struct master *master, enum stop_phase phase)
{
    master->stopping = phase;
    close_services(master, phase);
    if (phase >= STOP_TERM)
        event_kill_children(master, phase == STOP_TERM ? SIGTERM : SIGKILL);
    loop_timer_set(master->stop_timer, phase_ms[phase]);
}

static void phase_is_over(void *arg)
{
    struct master *master = arg;

    if (master->stopping == STOP_KILL)
        loop_stop(master->loop);
    else
        enter_phase(master, master->stopping + 1);
}

void stop_child_gone(struct master *master)
{
    if (master->stopping == STOP_NONE)
        return;
    while (master->stopping < STOP_LOG && is_over(master, master->stopping))
        enter_phase(master, master->stopping + 1);
    if (event_count_children(master) == 0)
        loop_stop(master->loop);
}

void stop_begin(struct master *master, int sig)
{
    if (master->stopping != STOP_NONE)
        return;
    notify_stopping();
    log_info("terminating on signal %d", sig);
    // Its end would bring services back whose sockets are closed by then.
    reload_cancel(master);
    master->stop_timer = loop_timer_new(master->loop, phase_is_over, master);
    enter_phase(master, STOP_INTAKE);
    stop_child_gone(master);
}

void stop_abort(struct master *master, int sig)
{
    notify_stopping();
    log_info("terminating on signal %d", sig);
    master->stopping = STOP_TERM;
    event_kill_children(master, SIGTERM);
    loop_stop(master->loop);
}
