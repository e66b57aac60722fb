// master_service: watching a service's sockets and keeping as many workers as clients need.
#include "master/master_service.h"
#include "ipc/trigger.h"
#include "master/master_child.h"
#include "master/master_generation.h"
#include "master/master_policy.h"
#include "master/master_pool.h"
#include "service/control.h"
#include "util/clock.h"
#include "util/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    STRESS_MS = 1000 * 1000,     // how long a service stays under stress
    WARN_AGAIN_MS = 1000 * 1000, // between warnings about the process limit
    WAKE_WAIT_MS = 100,
    BURST_MAX = 16, // workers started at once
};

static void client_waits(int fd, unsigned events, void *arg);
static void look_again(void *arg);
static void throttle_ended(void *arg);
static void wake_service(void *arg);

const char *service_program(const struct pool *pool)
{
    return arena_printf(pool->gen->arena, "%s/%s",
                        generation_mail(pool->gen)->daemon_directory, pool->entry->command);
}

struct master_service *service_new(struct master *master)
{
    struct master_service *service = mem_alloc(sizeof(*service));

    *service = (struct master_service){.master = master, .next = master->services};
    service->line_fd = epoll_create1(EPOLL_CLOEXEC);
    if (service->line_fd < 0)
        log_fatal("epoll_create: %m");
    service->line_io =
        loop_watch(master->loop, service->line_fd, LOOP_READ, client_waits, service);
    service->look = loop_timer_new(master->loop, look_again, service);
    service->throttle = loop_timer_new(master->loop, throttle_ended, service);
    service->wakeup = loop_timer_new(master->loop, wake_service, service);
    master->services = service;
    return service;
}

// ---- the line
// ------------------------------------------------------------------------------------

static void unwatch(struct master_service *service)
{
    for (size_t i = 0; service->watching && i < service->listen.len; i++)
        epoll_ctl(service->line_fd, EPOLL_CTL_DEL, service->listen.fds[i], NULL);
    service->watching = false;
}

// Each client wakes one waiter, the one that has stood in line longest and has nothing to
// do. Adding the sockets anew puts master behind all workers: it hears of a client only
// when no worker is free, and workers never have to tell it that they are busy.
static void watch_last_in_line(struct master_service *service)
{
    unwatch(service);
    for (size_t i = 0; i < service->listen.len; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
        if (epoll_ctl(service->line_fd, EPOLL_CTL_ADD, service->listen.fds[i], &event) < 0)
            log_fatal("watch %s: %m", service->entry->name);
    }
    service->watching = true;
}

// ---- workers
// -------------------------------------------------------------------------------------

size_t service_count_workers(const struct master_service *service)
{
    size_t count = 0;

    if (service->current != NULL)
        count += service->current->workers;
    if (service->stressed != NULL)
        count += service->stressed->workers;
    for (const struct pool *p = service->old; p != NULL; p = p->next)
        count += p->workers;
    return count;
}

static struct service_view view_of(const struct master_service *service)
{
    struct service_view view = {
        .total = service_count_workers(service),
        .limit = generation_limit(service->master->gen, service->entry),
        .throttled = loop_timer_is_set(service->throttle),
        .looked = service->looked,
        .waiting = listen_count_waiting(&service->listen),
    };

    if (service->current != NULL) {
        view.idle += pool_count_idle(service->current);
        view.active += service->current->workers;
        view.serves_all = (service->current->flags & CONTROL_SHARED) != 0;
    }
    if (service->stressed != NULL) {
        view.idle += pool_count_idle(service->stressed);
        view.active += service->stressed->workers;
    }
    return view;
}

void service_throttle(struct master_service *service, const char *reason)
{
    long seconds = service->master->gen->cfg.service_throttle_time.seconds;

    if (reason != NULL)
        log_warn("service %s: %s -- throttling", service->entry->name, reason);
    unwatch(service);
    loop_timer_set(service->throttle, (int64_t)seconds * 1000);
}

static void throttle_ended(void *arg)
{
    service_review(arg);
}

static struct pool *retire(struct master_service *service, struct pool *pool)
{
    if (pool == NULL)
        return NULL;
    pool_drain(pool);
    pool->next = service->old;
    service->old = pool;
    return NULL;
}

void service_retire_pools(struct master_service *service)
{
    service->current = retire(service, service->current);
    service->stressed = retire(service, service->stressed);
    service_forget_old_pools(service);
}

void service_forget_old_pools(struct master_service *service)
{
    struct pool **link = &service->old;

    while (*link != NULL) {
        struct pool *pool = *link;
        if (pool->live > 0) {
            link = &pool->next;
            continue;
        }
        *link = pool->next;
        pool_free(pool);
    }
}

// The pool that new workers come from, now.
static struct pool *pool_in_charge(struct master_service *service, struct error *err)
{
    bool stress = clock_ms() < service->stress_until_ms;
    struct pool **pool = stress ? &service->stressed : &service->current;

    if (!stress && service->stressed != NULL) {
        service->stressed = retire(service, service->stressed);
        service_forget_old_pools(service);
    }
    if (*pool == NULL)
        *pool = pool_new(service, service->master->gen, service->entry, stress, err);
    return *pool;
}

// One worker, or as many as a burst of clients needs.
static void add_workers(struct master_service *service, const struct service_view *view)
{
    size_t wanted = view->waiting > view->idle ? view->waiting - view->idle : 1;
    size_t allowed = view->limit > 0 ? (size_t)view->limit - view->total : BURST_MAX;
    struct error err;
    struct pool *pool = pool_in_charge(service, &err);

    for (size_t i = 0; i < wanted && i < allowed && i < BURST_MAX; i++) {
        if (pool == NULL || !pool_ask_worker(pool, &err)) {
            service_throttle(service, err.text);
            return;
        }
        if (pool->wants_worker || (pool->flags & CONTROL_SELF))
            return; // one at a time, as each is loaded anew
    }
}

static void warn_at_limit(struct master_service *service, long limit)
{
    bool stress = child_takes_stress(service, limit);
    const char *place = service->listen.path;
    struct error err;
    const char *host, *port;
    int64_t now = clock_ms();

    if (stress)
        service->stress_until_ms = now + STRESS_MS;
    if (service->warned_at_ms != 0 && now - service->warned_at_ms < WARN_AGAIN_MS)
        return;
    service->warned_at_ms = now;
    struct arena *arena = arena_new();
    uint16_t number;
    if (service->entry->type == MASTER_INET &&
        inet_name_split(arena, service->entry->name, &host, &port, &err) &&
        inet_port_find(service->master->gen->cfg.known_tcp_ports, port, &number, &err))
        place = arena_printf(arena, "%s%s%u", host, host[0] == '\0' ? "" : ":", number);
    log_warn("service \"%s\" (%s) has reached its process limit \"%ld\": "
             "new clients may experience noticeable delays",
             service->entry->name, place, limit);
    log_warn(
        "to avoid this condition, increase the process count in master.cf or reduce the "
        "service time per client");
    if (stress)
        log_warn("see http://www.postfix.org/STRESS_README.html for examples of "
                 "stress-adapting configuration settings");
    arena_free(arena);
}

static void note_use(struct master_service *service)
{
    bool first = !service->used;

    service->used = true;
    if (first && service->entry->wakeup > 0 && service->entry->wakeup_lazy)
        loop_timer_set(service->wakeup, service->entry->wakeup * 1000);
}

// Nobody was free, or so it looks.
static void client_waits(int fd, unsigned events, void *arg)
{
    struct master_service *service = arg;
    struct service_view view = view_of(service);

    (void)fd, (void)events;
    if (!service->watching)
        return;
    note_use(service);
    unwatch(service);
    enum spawn_verdict verdict = policy_on_client(&view);
    if (verdict == SPAWN_LOOK_AGAIN) {
        loop_timer_set(service->look, policy_look_delay_ms(service->looked++));
        return;
    }
    service->looked = 0;
    if (verdict == SPAWN_AT_LIMIT)
        warn_at_limit(service, view.limit);
    if (verdict == SPAWN_WORKER)
        add_workers(service, &view);
}

static void look_again(void *arg)
{
    struct master_service *service = arg;
    unsigned looked = service->looked;
    struct epoll_event event;

    service_review(service);
    if (service->watching && epoll_wait(service->line_fd, &event, 1, 0) == 0)
        looked = 0; // somebody took the client
    service->looked = looked;
}

void service_review(struct master_service *service)
{
    struct master *master = service->master;

    if (service->entry == NULL || service->listen.len == 0 || !master->started ||
        loop_timer_is_set(service->throttle))
        return;
    if (service->current != NULL && (service->current->flags & CONTROL_SHARED) &&
        service->current->workers > 0)
        return; // that process takes all clients
    watch_last_in_line(service);
}

// ---- wake-ups
// ------------------------------------------------------------------------------------

static void wake_service(void *arg)
{
    struct master_service *service = arg;
    struct error err;
    ssize_t written = 0;

    if (service->entry == NULL || service->entry->wakeup <= 0)
        return;
    if (service->entry->type == MASTER_FIFO)
        written = write(service->listen.fds[0], "W", 1);
    else if (service->entry->type == MASTER_UNIX &&
             !trigger_send(service->listen.path, STR_LIT("W"), WAKE_WAIT_MS, &err))
        log_debug("wake-up of %s: %s", service->listen.path, err.text);
    (void)written; // a full FIFO wakes its reader anyway
    loop_timer_set(service->wakeup, service->entry->wakeup * 1000);
}

void service_wake_anew(struct master_service *service)
{
    if (service->entry != NULL && service->entry->wakeup > 0 &&
        loop_timer_is_set(service->wakeup))
        loop_timer_set(service->wakeup, 0);
}

void service_begin(struct master_service *service, const struct master_entry *entry)
{
    service->entry = entry;
    service->looked = 0;
    service_review(service);
    if (entry->wakeup > 0 && (!entry->wakeup_lazy || service->used))
        wake_service(service);
}

void service_pause(struct master_service *service)
{
    unwatch(service);
    loop_timer_clear(service->look);
    loop_timer_clear(service->throttle);
    loop_timer_clear(service->wakeup);
}
