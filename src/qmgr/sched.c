// sched: transports and destinations: room, suspension, death, and what happens at the end
// of a delivery.
#include "qmgr/sched.h"
#include "qmgr/sched_internal.h"
#include "util/arena.h"
#include <stdlib.h>
#include <string.h>

void sched_init(struct sched *s)
{
    s->transports = NULL;
    TAILQ_INIT(&s->timers);
}

struct transport *sched_transport_find(struct sched *s, const char *name)
{
    struct transport *t;

    HASH_FIND_STR(s->transports, name, t);
    return t;
}

struct transport *sched_transport_add(struct sched *s, const char *name,
                                      const struct transport_rules *rules)
{
    struct transport *t = mem_alloc(sizeof(*t));

    t->sched = s;
    t->name = mem_strdup(name);
    t->rules = *rules;
    // A rate delay makes sense for one delivery at a time only.
    if (rules->dest_delay_ms > 0)
        t->rules.window.initial = t->rules.window.limit = 1;
    TAILQ_INIT(&t->ready);
    TAILQ_INIT(&t->jobs);
    HASH_ADD_KEYPTR(hh, s->transports, t->name, strlen(t->name), t);
    return t;
}

// ---- destinations
// ---------------------------------------------------------------------------

struct dest *dest_find(struct transport *t, const char *key)
{
    struct dest *d;

    HASH_FIND_STR(t->dests, key, d);
    return d;
}

struct dest *dest_get(struct transport *t, const char *key, const char *nexthop)
{
    struct dest *d = dest_find(t, key);

    if (d != NULL)
        return d;
    d = mem_alloc(sizeof(*d));
    d->transport = t;
    d->key = mem_strdup(key);
    d->nexthop = mem_strdup(nexthop);
    window_reset(&d->window, &t->rules.window);
    TAILQ_INIT(&d->blocked);
    TAILQ_INIT(&d->peers);
    HASH_ADD_KEYPTR(hh, t->dests, d->key, strlen(d->key), d);
    return d;
}

bool dest_is_open(const struct dest *d)
{
    return d->wake_ms == 0 && !d->is_dead && d->busy < d->window.size;
}

void dest_wake(struct dest *d)
{
    struct peer *p;

    if (d->wake_ms != 0 || d->is_dead)
        return;
    while ((p = TAILQ_FIRST(&d->blocked)) != NULL &&
           (long)d->ready_peers < d->window.size - d->busy) {
        TAILQ_REMOVE(&d->blocked, p, next);
        p->is_blocked = false;
        d->ready_peers++;
        TAILQ_INSERT_TAIL(&p->job->ready, p, next);
        job_make_ready(p->job);
    }
}

static void clear_timer(struct dest *d)
{
    if (d->wake_ms == 0)
        return;
    d->wake_ms = 0;
    TAILQ_REMOVE(&d->transport->sched->timers, d, timer);
}

// Most timers of one kind run equally long, so that the place is near the tail.
static void set_timer(struct dest *d, int64_t wake_ms)
{
    struct sched *s = d->transport->sched;
    struct dest *before;

    clear_timer(d);
    d->wake_ms = wake_ms;
    for (before = TAILQ_LAST(&s->timers, dest_timers); before != NULL;
         before = TAILQ_PREV(before, dest_timers, timer))
        if (before->wake_ms <= wake_ms)
            break;
    if (before == NULL)
        TAILQ_INSERT_HEAD(&s->timers, d, timer);
    else
        TAILQ_INSERT_AFTER(&s->timers, before, d, timer);
}

static void dest_free(struct dest *d)
{
    clear_timer(d);
    HASH_DELETE(hh, d->transport->dests, d);
    free(d->key);
    free(d->nexthop);
    free(d->dsn);
    free(d->reason);
    free(d);
}

void dest_free_if_idle(struct dest *d)
{
    if (d->busy == 0 && d->waiting == 0 && d->wake_ms == 0)
        dest_free(d);
}

static void replace_text(char **slot, const char *text)
{
    free(*slot);
    *slot = text == NULL ? NULL : mem_strdup(text);
}

void dest_revive(struct dest *d)
{
    bool was_dead = d->is_dead;

    clear_timer(d);
    d->is_dead = false;
    if (was_dead)
        window_reset(&d->window, &d->transport->rules.window);
    replace_text(&d->dsn, NULL);
    replace_text(&d->reason, NULL);
    dest_wake(d);
    dest_free_if_idle(d);
}

static void dest_kill(struct dest *d, const char *dsn, const char *reason, int64_t wake_ms)
{
    d->is_dead = true;
    replace_text(&d->dsn, dsn);
    replace_text(&d->reason, reason);
    set_timer(d, wake_ms);
}

// ---- the end of a delivery
// --------------------------------------------------------------------

static void take_back(struct batch *b)
{
    struct transport *t = b->dest->transport;

    b->dest->busy--;
    b->job->busy--;
    t->busy--;
}

bool sched_done(struct batch *b, enum batch_result result, const char *dsn,
                const char *reason, int64_t now_ms, int64_t dead_for_ms)
{
    struct dest *d = b->dest;
    const struct transport_rules *rules = &d->transport->rules;
    bool died = false;

    take_back(b);
    batch_free(b);
    if (result == BATCH_OK && !d->is_dead) {
        window_success(&d->window, &rules->window, d->busy);
    } else if (result == BATCH_DEST_FAILED && !d->is_dead) {
        died = !window_failure(&d->window, &rules->window);
        if (died)
            dest_kill(d, dsn, reason, now_ms + dead_for_ms);
    }
    if (!d->is_dead && rules->dest_delay_ms > 0)
        set_timer(d, now_ms + rules->dest_delay_ms);
    if (!died) {
        dest_wake(d);
        dest_free_if_idle(d);
    }
    return died;
}

// ---- transports
// -----------------------------------------------------------------------------

void transport_kill(struct transport *t, const char *dsn, const char *reason,
                    int64_t now_ms, int64_t dead_for_ms)
{
    t->is_dead = true;
    t->wake_ms = now_ms + dead_for_ms;
    replace_text(&t->dsn, dsn);
    replace_text(&t->reason, reason);
}

void transport_revive(struct transport *t)
{
    t->is_dead = false;
    t->wake_ms = 0;
    replace_text(&t->dsn, NULL);
    replace_text(&t->reason, NULL);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t sched_tick(struct sched *s, int64_t now_ms)
{
    struct transport *t, *next_transport;
    struct dest *d;
    int64_t next = -1;

    while ((d = TAILQ_FIRST(&s->timers)) != NULL && d->wake_ms <= now_ms)
        dest_revive(d);
    if (d != NULL)
        next = d->wake_ms - now_ms;
    HASH_ITER(hh, s->transports, t, next_transport)
    {
        if (t->is_dead && t->wake_ms <= now_ms)
            transport_revive(t);
        if (t->is_dead)
            next = sooner(next, t->wake_ms - now_ms);
        else if (t->waiting > 0 && t->next_ok_ms > now_ms)
            next = sooner(next, t->next_ok_ms - now_ms);
    }
    return next;
}

static void transport_free(struct transport *t)
{
    struct dest *d, *next;

    HASH_ITER(hh, t->dests, d, next)
    {
        dest_free(d);
    }
    transport_revive(t);
    HASH_DELETE(hh, t->sched->transports, t);
    free(t->name);
    free(t);
}

void sched_free(struct sched *s)
{
    struct transport *t, *next;

    HASH_ITER(hh, s->transports, t, next)
    {
        transport_free(t);
    }
}
