// sched_jobs: jobs in their order, the choice of the next batch, and preemption.
#include "qmgr/sched.h"
#include "qmgr/sched_internal.h"
#include "util/arena.h"
#include <stdlib.h>

// A candidate for preemption is looked for so often, and among so many jobs, at most.
#define CANDIDATE_MS 1000
#define CANDIDATE_LOOKS 5000

// ---- order
// ------------------------------------------------------------------------------------

// Jobs that come back are nearly always among the oldest, new ones the youngest.
void job_make_ready(struct job *job)
{
    struct transport *t = job->transport;
    struct job *other;

    if (job->is_ready)
        return;
    job->is_ready = true;
    other = TAILQ_LAST(&t->ready, job_list);
    if (other == NULL || other->rank <= job->rank) {
        TAILQ_INSERT_TAIL(&t->ready, job, next);
        return;
    }
    TAILQ_FOREACH(other, &t->ready, next)
    if (other->rank > job->rank)
        break;
    TAILQ_INSERT_BEFORE(other, job, next);
}

void job_unready(struct job *job)
{
    if (!job->is_ready)
        return;
    job->is_ready = false;
    TAILQ_REMOVE(&job->transport->ready, job, next);
}

void dest_block_peer(struct peer *p)
{
    struct peer_list *list = &p->dest->blocked;
    struct peer *other = TAILQ_FIRST(list);

    p->is_blocked = true;
    if (other == NULL || other->job->rank >= p->job->rank) {
        TAILQ_INSERT_HEAD(list, p, next);
        return;
    }
    TAILQ_FOREACH_REVERSE(other, list, peer_list, next)
    if (other->job->rank <= p->job->rank)
        break;
    TAILQ_INSERT_AFTER(list, other, p, next);
}

// ---- making and forgetting
// ----------------------------------------------------------------------

struct job *job_get(struct job **jobs, struct message *msg, struct transport *t,
                    int64_t now_ms)
{
    struct job *job;

    for (job = *jobs; job != NULL; job = job->next_of_msg)
        if (job->transport == t)
            return job;
    job = mem_alloc(sizeof(*job));
    job->msg = msg;
    job->transport = t;
    job->entered_ms = now_ms;
    job->rank = t->last_rank += 1;
    TAILQ_INIT(&job->ready);
    TAILQ_INSERT_TAIL(&t->jobs, job, in_transport);
    job->next_of_msg = *jobs;
    *jobs = job;
    return job;
}

static void forget_candidate(struct job *job)
{
    struct transport *t = job->transport;

    if (t->candidate == job || t->candidate_for == job)
        t->candidate = t->candidate_for = NULL;
}

// What a job that passed did not need after all (recipients that were still to be read went
// elsewhere) is there for the next one.
static void settle(struct job *job)
{
    struct job *payer = job->payer;
    long unused = job->paid - (job->selected - job->paid_at);

    if (payer == NULL)
        return;
    if (unused > 0)
        payer->slots_used -= unused;
    payer->guests--;
    job->payer = NULL;
}

static void forget_guests(struct job *payer)
{
    struct job *job;

    if (payer->guests == 0)
        return;
    TAILQ_FOREACH(job, &payer->transport->jobs, in_transport)
    if (job->payer == payer)
        job->payer = NULL;
}

static void let_pass(struct job *job, struct job *payer, long slots)
{
    settle(job);
    job->payer = payer;
    job->paid = slots;
    job->paid_at = job->selected;
    payer->guests++;
    payer->slots_used += slots;
}

void jobs_free(struct job **jobs)
{
    struct job *job;

    while ((job = *jobs) != NULL) {
        ensure(job->waiting == 0 && job->busy == 0);
        *jobs = job->next_of_msg;
        forget_candidate(job);
        settle(job);
        forget_guests(job);
        job_unready(job);
        TAILQ_REMOVE(&job->transport->jobs, job, in_transport);
        free(job);
    }
}

static struct peer *peer_get(struct job *job, struct dest *d)
{
    struct peer *p;

    HASH_FIND_PTR(job->peers, &d, p);
    if (p != NULL)
        return p;
    p = mem_alloc(sizeof(*p));
    p->job = job;
    p->dest = d;
    TAILQ_INIT(&p->batches);
    HASH_ADD_PTR(job->peers, dest, p);
    TAILQ_INSERT_TAIL(&d->peers, p, in_dest);
    // Behind those that wait already, there is nothing to try.
    if (!dest_is_open(d) || !TAILQ_EMPTY(&d->blocked)) {
        dest_block_peer(p);
    } else {
        d->ready_peers++;
        TAILQ_INSERT_TAIL(&job->ready, p, next);
        job_make_ready(job);
    }
    return p;
}

void peer_free(struct peer *p)
{
    struct job *job = p->job;

    if (p->is_blocked) {
        TAILQ_REMOVE(&p->dest->blocked, p, next);
    } else {
        TAILQ_REMOVE(&job->ready, p, next);
        p->dest->ready_peers--;
    }
    TAILQ_REMOVE(&p->dest->peers, p, in_dest);
    HASH_DEL(job->peers, p);
    if (TAILQ_EMPTY(&job->ready))
        job_unready(job);
    free(p);
}

void batch_free(struct batch *b)
{
    free(b->rcpts);
    free(b);
}

static void count_waiting(struct batch *b, long change)
{
    b->job->waiting += change;
    b->dest->waiting += change;
    b->dest->transport->waiting += change;
}

static struct batch *batch_new(struct job *job, struct dest *d, size_t room)
{
    struct batch *b = mem_alloc(sizeof(*b));

    b->msg = job->msg;
    b->job = job;
    b->dest = d;
    b->rcpts = mem_alloc(room * sizeof(*b->rcpts));
    b->rcpts_size = room;
    return b;
}

static struct batch *batch_with_room(struct peer *p, size_t limit)
{
    struct batch *last = TAILQ_LAST(&p->batches, batch_list);

    return last != NULL && (limit == 0 || last->rcpts_len < limit) ? last : NULL;
}

static void batch_append(struct batch *b, struct rcpt *rcpt)
{
    if (b->rcpts_len == b->rcpts_size) {
        b->rcpts_size = b->rcpts_size * 2 + 4;
        b->rcpts = mem_realloc(b->rcpts, b->rcpts_size * sizeof(struct rcpt *));
    }
    b->rcpts[b->rcpts_len++] = rcpt;
}

size_t job_add(struct job *job, struct dest *dest, struct rcpt **rcpts, size_t len,
               size_t limit, int64_t now_ms)
{
    struct peer *p = peer_get(job, dest);
    size_t made = 0;

    (void)now_ms;
    for (size_t i = 0; i < len; i++) {
        struct batch *b = batch_with_room(p, limit);

        if (b == NULL) {
            size_t left = len - i;

            b = batch_new(job, dest, limit > 0 && left > limit ? limit : left);
            b->peer = p;
            TAILQ_INSERT_TAIL(&p->batches, b, next);
            count_waiting(b, 1);
            made++;
        }
        batch_append(b, rcpts[i]);
    }
    return made;
}

// ---- selection
// --------------------------------------------------------------------------------

// The first peer of the job that may go now. Those that may not are put where the
// destination finds them again.
static struct peer *open_peer(struct job *job)
{
    struct peer *p;

    while ((p = TAILQ_FIRST(&job->ready)) != NULL) {
        if (dest_is_open(p->dest))
            return p;
        TAILQ_REMOVE(&job->ready, p, next);
        p->dest->ready_peers--;
        dest_block_peer(p);
    }
    job_unready(job);
    return NULL;
}

static struct job *current_job(struct transport *t)
{
    struct job *job;

    while ((job = TAILQ_FIRST(&t->ready)) != NULL)
        if (open_peer(job) != NULL)
            return job;
    return NULL;
}

static long most_left(const struct job *job)
{
    return job->waiting + job->unread_max;
}

// Slots that the job may have saved up by its end, and has not spent.
static long slots_at_most(const struct job *job, long cost)
{
    return (job->selected + job->waiting + job->unread_min) / cost - job->slots_used;
}

// The one that has waited longest for what it needs, among those that `current` can pay
// for.
static struct job *find_candidate(struct transport *t, struct job *current, int64_t now_ms)
{
    long affordable = slots_at_most(current, t->rules.slot_cost);
    struct job *best = NULL, *job, *next_job;
    double best_score = 0;
    int looks = 0;

    for (job = TAILQ_NEXT(current, next); job != NULL && looks < CANDIDATE_LOOKS;
         job = next_job, looks++) {
        long need = most_left(job);
        double waited = (double)(now_ms - job->entered_ms + 1);

        next_job = TAILQ_NEXT(job, next); // open_peer may take `job` off the list
        if (need == 0 || need > affordable || waited <= best_score * (double)need ||
            open_peer(job) == NULL)
            continue;
        best = job;
        best_score = waited / (double)need;
    }
    return best;
}

static struct job *candidate(struct transport *t, struct job *current, int64_t now_ms)
{
    bool known = t->candidate_for == current && now_ms < t->candidate_ms;

    // Without a candidate, a new job is noticed after a while; with one, it has to be
    // usable.
    if (known && (t->candidate == NULL || t->candidate->is_ready))
        return t->candidate;
    t->candidate = find_candidate(t, current, now_ms);
    t->candidate_for = current;
    t->candidate_ms = now_ms + CANDIDATE_MS;
    return t->candidate;
}

// Whether the current job has saved enough to let `other` pass, with what is given in
// advance.
static bool can_pay(const struct transport_rules *rules, const struct job *current,
                    long need)
{
    long saved = current->selected / rules->slot_cost - current->slots_used;

    return saved >= need * (100 - rules->slot_discount) / 100 - rules->slot_loan;
}

static void move_in_front(struct job *job, struct job *current)
{
    struct job *before = TAILQ_PREV(current, job_list, next);
    double low = before == NULL ? current->rank - 1 : before->rank;

    job_unready(job);
    job->rank = low + (current->rank - low) / 2;
    TAILQ_INSERT_BEFORE(current, job, next);
    job->is_ready = true;
}

static struct job *preempt(struct transport *t, struct job *current, int64_t now_ms)
{
    const struct transport_rules *rules = &t->rules;

    if (rules->slot_cost <= 0 || TAILQ_NEXT(current, next) == NULL ||
        slots_at_most(current, rules->slot_cost) <= rules->min_slots)
        return current;
    struct job *other = candidate(t, current, now_ms);

    if (other == NULL || !can_pay(rules, current, most_left(other)) ||
        open_peer(other) == NULL)
        return current;
    let_pass(other, current, most_left(other));
    move_in_front(other, current);
    t->candidate = t->candidate_for = NULL;
    return other;
}

bool sched_has_work(struct transport *t, int64_t now_ms)
{
    return t->waiting > 0 && !t->is_dead && now_ms >= t->next_ok_ms &&
           current_job(t) != NULL;
}

struct batch *sched_select(struct transport *t, int64_t now_ms)
{
    if (!sched_has_work(t, now_ms))
        return NULL;
    struct job *job = preempt(t, current_job(t), now_ms);
    struct peer *p = TAILQ_FIRST(&job->ready);
    struct dest *d = p->dest;
    struct batch *b = TAILQ_FIRST(&p->batches);

    TAILQ_REMOVE(&p->batches, b, next);
    b->peer = NULL;
    count_waiting(b, -1);
    job->selected++;
    if (most_left(job) == 0)
        settle(job);
    job->busy++;
    d->busy++;
    t->busy++;
    // The next destination of this job comes first the next time.
    TAILQ_REMOVE(&job->ready, p, next);
    TAILQ_INSERT_TAIL(&job->ready, p, next);
    if (TAILQ_EMPTY(&p->batches))
        peer_free(p);
    dest_wake(d);
    if (t->rules.transport_delay_ms > 0)
        t->next_ok_ms = now_ms + t->rules.transport_delay_ms;
    return b;
}

void sched_put_back(struct batch *b, int64_t now_ms)
{
    struct peer *p = peer_get(b->job, b->dest);

    (void)now_ms;
    b->dest->busy--;
    b->job->busy--;
    b->dest->transport->busy--;
    b->job->selected--;
    b->peer = p;
    TAILQ_INSERT_HEAD(&p->batches, b, next);
    count_waiting(b, 1);
    dest_wake(b->dest);
}

struct batch *dest_take_waiting(struct dest *d)
{
    struct peer *p = TAILQ_FIRST(&d->peers);

    if (p == NULL)
        return NULL;
    struct batch *b = TAILQ_FIRST(&p->batches);

    TAILQ_REMOVE(&p->batches, b, next);
    b->peer = NULL;
    count_waiting(b, -1);
    if (TAILQ_EMPTY(&p->batches))
        peer_free(p);
    return b;
}

struct batch *transport_take_waiting(struct transport *t)
{
    struct dest *d, *next;

    HASH_ITER(hh, t->dests, d, next)
    {
        if (d->waiting > 0) {
            struct batch *b = dest_take_waiting(d);

            b->dest = NULL; // may be gone with its last batch
            dest_free_if_idle(d);
            return b;
        }
    }
    return NULL;
}
