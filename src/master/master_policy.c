// master_policy: the decisions of master(8) as plain functions.
#include "master/master_policy.h"
#include <signal.h>
#include <sys/wait.h>

enum spawn_verdict policy_on_client(const struct service_view *view)
{
    bool is_full = view->limit > 0 && view->total >= (size_t)view->limit;

    if (view->throttled)
        return SPAWN_THROTTLED;
    if (view->serves_all && view->active > 0)
        return SPAWN_WAIT_EXIT;
    if (view->idle > 0 && view->looked < POLICY_LOOKS_MAX &&
        (view->waiting <= view->idle || is_full))
        return SPAWN_LOOK_AGAIN;
    if (is_full)
        return view->limit == 1 ? SPAWN_WAIT_EXIT : SPAWN_AT_LIMIT;
    return SPAWN_WORKER;
}

int64_t policy_look_delay_ms(unsigned looked)
{
    return looked < 6 ? INT64_C(2) << looked : 128;
}

// A process that somebody killed from outside says nothing about the program.
static bool is_outside_signal(int sig)
{
    return sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == SIGHUP ||
           sig == SIGUSR1;
}

bool policy_is_bad_start(int wait_status, bool served)
{
    if (served)
        return false;
    if (WIFSIGNALED(wait_status))
        return !is_outside_signal(WTERMSIG(wait_status));
    return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) != 0;
}
