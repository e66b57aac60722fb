// master_event: children come, speak and go.
#include "master/master_event.h"
#include "master/master_generation.h"
#include "master/master_policy.h"
#include "master/master_pool.h"
#include "master/master_reload.h"
#include "master/master_service.h"
#include "master/master_stop.h"
#include "service/control.h"
#include "util/clock.h"
#include "util/log.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void child_gone(struct child *child, int status);

static struct child *find_child(struct master *master, pid_t pid)
{
    struct child *child;

    HASH_FIND(hh, master->children, &pid, sizeof(pid), child);
    return child;
}

static void free_child(struct master *master, struct child *child)
{
    HASH_DEL(master->children, child);
    loop_io_free(child->control_io);
    if (child->control_fd >= 0)
        close(child->control_fd);
    free(child);
}

// A worker that ended before its template could tell about it.
static void add_early_exit(struct master *master, pid_t pid, int status)
{
    struct child *child = mem_alloc(sizeof(*child));

    *child = (struct child){.pid = pid, .control_fd = -1, .early_status = status};
    HASH_ADD(hh, master->children, pid, sizeof(child->pid), child);
}

// ---- what templates say
// ------------------------------------------------------------------------

static void template_ready(struct child *child, const struct control_msg *msg)
{
    struct pool *pool = child->pool;
    struct error err;

    child->is_ready = true;
    pool->flags = msg->flags;
    if (pool == pool->service->candidate)
        reload_template_ready(pool->service->master);
    else if (pool->wants_worker && !pool_ask_worker(pool, &err))
        service_throttle(pool->service, err.text);
}

static void worker_forked(struct pool *pool, const struct control_msg *msg)
{
    size_t slot = msg->slot;
    struct master *master = pool->service->master;

    if (slot >= pool->board->slots_len || !pool->asked[slot] || msg->pid <= 1)
        return; // a lie, or an answer that came too late
    struct child *known = find_child(master, msg->pid);
    if (known != NULL && known->pool != NULL)
        return;
    int early_status = known == NULL ? 0 : known->early_status;
    if (known != NULL)
        free_child(master, known);
    struct child *worker = event_add_child(pool, msg->pid, CHILD_WORKER, -1);
    worker->slot = slot;
    pool->asked[slot] = false;
    pool->slots[slot] = worker;
    if (known != NULL)
        child_gone(worker, early_status);
    else
        service_review(pool->service);
}

static void fork_failed(struct pool *pool, const struct control_msg *msg)
{
    if (msg->slot >= pool->board->slots_len || !pool->asked[msg->slot])
        return;
    pool->asked[msg->slot] = false;
    pool->workers--;
    board_set(pool->board, msg->slot, BOARD_FREE);
    errno = msg->status;
    log_warn("%s: fork: %m -- throttling", service_program(pool));
    service_throttle(pool->service, NULL);
}

static void handle_message(struct child *child, const struct control_msg *msg)
{
    struct pool *pool = child->pool;
    struct child *worker;

    switch (msg->op) {
    case CONTROL_READY:
        if (child->role == CHILD_TEMPLATE && !child->is_ready)
            template_ready(child, msg);
        break;
    case CONTROL_FORKED:
        worker_forked(pool, msg);
        break;
    case CONTROL_FORK_FAILED:
        fork_failed(pool, msg);
        break;
    case CONTROL_EXITED:
        worker = find_child(pool->service->master, msg->pid);
        if (worker != NULL && worker->pool == pool && worker != child)
            child_gone(worker, msg->status);
        break;
    default:
        log_warn("process %ld sent an unknown message", (long)child->pid);
    }
}

static void read_messages(struct child *child)
{
    struct control_msg msg;
    enum control_result result = CONTROL_NOTHING;

    while (child->control_fd >= 0 &&
           (result = control_receive(child->control_fd, &msg)) == CONTROL_GOT)
        handle_message(child, &msg);
    if (result != CONTROL_GONE)
        return;
    loop_io_free(child->control_io); // the exit is reported by SIGCHLD
    child->control_io = NULL;
    close(child->control_fd);
    child->control_fd = -1;
}

static void control_readable(int fd, unsigned events, void *arg)
{
    (void)fd, (void)events;
    read_messages(arg);
}

struct child *event_add_child(struct pool *pool, pid_t pid, enum child_role role,
                              int control_fd)
{
    struct master *master = pool->service->master;
    struct child *child = mem_alloc(sizeof(*child));

    *child = (struct child){.pid = pid,
                            .role = role,
                            .pool = pool,
                            .control_fd = control_fd,
                            .started_ms = clock_ms()};
    if (control_fd >= 0)
        child->control_io =
            loop_watch(master->loop, control_fd, LOOP_READ, control_readable, child);
    HASH_ADD(hh, master->children, pid, sizeof(child->pid), child);
    pool->live++;
    return child;
}

// ---- exits
// ---------------------------------------------------------------------------------------

static void log_exit(const struct child *child, int status)
{
    const char *program = service_program(child->pool);

    enum stop_phase stopping = child->pool->service->master->stopping;
    bool asked =
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT);

    // Our own doing, or that of the terminal that told us to stop as well.
    if (stopping >= STOP_TERM || (stopping != STOP_NONE && asked))
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_warn("process %s pid %ld exit status %d", program, (long)child->pid,
                 WEXITSTATUS(status));
    if (WIFSIGNALED(status))
        log_warn("process %s pid %ld killed by signal %d", program, (long)child->pid,
                 WTERMSIG(status));
}

// Has it been of use, or did it live long enough that the next one will, too?
static bool was_useful(const struct child *child)
{
    const struct pool *pool = child->pool;
    int64_t age_ms = clock_ms() - child->started_ms;

    if (age_ms > pool->gen->cfg.service_throttle_time.seconds * 1000)
        return true;
    if (child->role == CHILD_TEMPLATE)
        return child->is_ready;
    return atomic_load(&pool->board->slots[child->slot].served) > 0;
}

static void template_gone(struct pool *pool)
{
    pool->template = NULL;
    pool->wants_worker = false;
    for (size_t i = 0; i < pool->board->slots_len; i++) {
        if (!pool->asked[i])
            continue;
        pool->asked[i] = false; // it can no longer be told
        pool->workers--;
        board_set(pool->board, i, BOARD_FREE);
    }
}

static void child_gone(struct child *child, int status)
{
    struct pool *pool = child->pool;
    struct master_service *service = pool->service;
    struct master *master = service->master;
    bool bad_start = policy_is_bad_start(status, was_useful(child));
    bool is_candidate = pool == service->candidate;
    bool died = status != 0 && !is_candidate && master->stopping == STOP_NONE;

    read_messages(child);
    log_exit(child, status);
    if (pool->template == child)
        template_gone(pool);
    if (child->role == CHILD_WORKER) {
        pool->slots[child->slot] = NULL;
        pool->workers--;
        board_set(pool->board, child->slot, BOARD_FREE);
    }
    pool->live--;
    free_child(master, child);
    if (is_candidate) {
        reload_template_failed(master, service);
    } else if (bad_start && master->stopping == STOP_NONE) {
        log_warn("%s: bad command startup -- throttling", service_program(pool));
        service_throttle(service, NULL);
    }
    service_forget_old_pools(service);
    service_review(service);
    if (died)
        service_wake_anew(service);
    stop_child_gone(master);
}

void event_reap(struct master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = find_child(master, pid);
        if (child != NULL)
            child_gone(child, status);
        else
            add_early_exit(master, pid, status);
    }
}

size_t event_count_children(const struct master *master)
{
    size_t count = 0;

    for (const struct child *c = master->children; c != NULL; c = c->hh.next)
        count += c->pool != NULL;
    return count;
}

void event_kill_children(struct master *master, int sig)
{
    for (const struct child *c = master->children; c != NULL; c = c->hh.next)
        if (c->pool != NULL)
            kill(c->pid, sig);
}
