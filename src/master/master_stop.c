// master_stop: ending in good order: first no more mail comes in, then nothing runs any
// more.
//
// Workers that hold a client are given time to finish it, those that other hosts talk to
// first: the services inside are still needed for that. Nobody is waited for long: `postfix
// stop` gives five seconds, and what a killed process had not finished is in the queue.
#include "master/master_stop.h"
#include "master/master_event.h"
#include "master/master_notify.h"
#include "master/master_service.h"
#include "util/log.h"
#include <signal.h>

static const int64_t phase_ms[] = {
    [STOP_INTAKE] = 2000, [STOP_ALL] = 1000, [STOP_TERM] = 500, [STOP_KILL] = 100};

static bool is_intake(const struct master_service *service)
{
    return service->entry != NULL && service->entry->type == MASTER_INET;
}

static void close_services(struct master *master, bool only_intake)
{
    for (struct master_service *s = master->services; s != NULL; s = s->next) {
        if (only_intake && !is_intake(s))
            continue;
        service_pause(s);
        service_retire_pools(s);
        s->listen.path[0] = '\0'; // its name stays, as with Postfix
        listen_release(&s->listen, NULL);
    }
}

static bool intake_is_over(const struct master *master)
{
    for (const struct master_service *s = master->services; s != NULL; s = s->next)
        if (is_intake(s) && service_count_workers(s) > 0)
            return false;
    return true;
}

static void enter_phase(struct master *master, enum stop_phase phase)
{
    master->stopping = phase;
    switch (phase) {
    case STOP_NONE:
        break;
    case STOP_INTAKE:
        close_services(master, true);
        break;
    case STOP_ALL:
        close_services(master, false);
        break;
    case STOP_TERM:
        event_kill_children(master, SIGTERM);
        break;
    case STOP_KILL:
        event_kill_children(master, SIGKILL);
        break;
    }
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
    if (master->stopping == STOP_INTAKE && intake_is_over(master))
        enter_phase(master, STOP_ALL);
    if (master->stopping > STOP_INTAKE && event_count_children(master) == 0)
        loop_stop(master->loop);
}

void stop_begin(struct master *master, int sig)
{
    if (master->stopping != STOP_NONE)
        return;
    notify_stopping();
    log_info("terminating on signal %d", sig);
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
