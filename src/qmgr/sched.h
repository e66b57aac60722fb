// sched: which delivery comes next: transports, destinations, jobs and batches as pure
// data. Knows no socket, file or clock; the time is handed in. compat: preemptive
// scheduling.
//
// A message has one job on each transport that it needs. A job has a peer for each of its
// destinations there, and a peer a list of batches: recipients that go in one request. A
// transport serves its jobs in order of rank: the order of arrival, but a small job may buy
// itself a place in front with delivery slots that the big one in front has saved up.
//
// So that a selection need not walk over thousands of jobs whose destinations are busy, a
// peer whose destination has no room waits in that destination's `blocked` list, and a job
// without another peer is not in the transport's `ready` list. When room appears, as many
// blocked peers come back as there is room for.
#pragma once
#include "qmgr/feedback.h"
#include <sys/queue.h>
#include <uthash.h>

struct message; // of message.h; the scheduler only carries the pointer
struct rcpt;

struct transport_rules {
    struct window_rules window;
    long rcpt_limit; // recipients in one request; 0: no limit
    long slot_cost, slot_loan, slot_discount, min_slots;
    int64_t dest_delay_ms, transport_delay_ms;  // rate delays
    long core_limit, extra_limit, refill_limit; // recipients in memory
    int64_t refill_delay_ms;
};

struct batch {
    struct message *msg;
    struct peer *peer; // while it waits
    struct job *job;
    struct dest *dest;
    struct rcpt **rcpts;
    size_t rcpts_len, rcpts_size;
    void *agent; // the caller's, while it is out
    TAILQ_ENTRY(batch) next;
};
TAILQ_HEAD(batch_list, batch);

struct peer {
    struct job *job;
    struct dest *dest;
    struct batch_list batches;
    bool is_blocked;        // in dest->blocked, else in job->ready
    TAILQ_ENTRY(peer) next; // in either
    TAILQ_ENTRY(peer) in_dest;
    UT_hash_handle hh; // job->peers by dest
};
TAILQ_HEAD(peer_list, peer);

struct job {
    struct message *msg;
    struct transport *transport;
    int64_t entered_ms;
    double rank;        // place in the transport's order
    struct peer *peers; // hash: those with waiting batches
    struct peer_list ready;
    long waiting, busy;          // batches
    long selected;               // batches handed out so far
    long slots_used;             // of those that this job saved up
    struct job *payer;           // whose slots let this one pass; NULL: nobody's
    long paid, paid_at;          // how many, and what was `selected` then
    long guests;                 // jobs whose payer this is
    long unread_min, unread_max; // batches that may still come from the queue file
    bool is_ready;
    TAILQ_ENTRY(job) next; // transport->ready
    TAILQ_ENTRY(job) in_transport;
    struct job *next_of_msg;
};
TAILQ_HEAD(job_list, job);

struct dest {
    struct transport *transport;
    char *key; // next hop, or recipient when the limit is one recipient
    char *nexthop;
    struct window window;
    long busy, waiting; // batches
    size_t ready_peers;
    struct peer_list blocked; // by rank
    struct peer_list peers;
    int64_t wake_ms; // suspended until then; 0: not
    bool is_dead;
    char *dsn, *reason; // why, when dead
    int64_t warned_ms;
    TAILQ_ENTRY(dest) timer; // in sched->timers, when wake_ms is set
    UT_hash_handle hh;
};

struct transport {
    struct sched *sched;
    char *name;
    struct transport_rules rules;
    struct dest *dests; // hash by key
    struct job_list ready, jobs;
    struct job *candidate; // best to preempt `candidate_for`; good until candidate_ms
    struct job *candidate_for;
    int64_t candidate_ms;
    double last_rank;
    long waiting, busy;
    long core_rcpts;    // recipients in memory that belong here
    int64_t next_ok_ms; // transport rate delay
    bool is_dead;
    int64_t wake_ms;
    char *dsn, *reason;
    void *agents; // the caller's
    UT_hash_handle hh;
};

struct sched {
    struct transport *transports;         // hash by name
    TAILQ_HEAD(dest_timers, dest) timers; // by wake_ms
};

void sched_init(struct sched *s);
void sched_free(struct sched *s); // nothing may be out any more

struct transport *sched_transport_find(struct sched *s, const char *name);
struct transport *sched_transport_add(struct sched *s, const char *name,
                                      const struct transport_rules *rules);
struct dest *dest_find(struct transport *t, const char *key);
// Finds or makes.
struct dest *dest_get(struct transport *t, const char *key, const char *nexthop);

// The job of `msg` on `t`: found in the list at `*jobs` or made and added there.
struct job *job_get(struct job **jobs, struct message *msg, struct transport *t,
                    int64_t now_ms);
// Adds recipients to the job, at most rules.rcpt_limit to a batch. Returns the batches
// made.
size_t job_add(struct job *job, struct dest *dest, struct rcpt **rcpts, size_t len,
               size_t limit, int64_t now_ms);
// Forgets the jobs of a message that has nothing waiting or out any more.
void jobs_free(struct job **jobs);

// The next batch to deliver, now out (busy); NULL when there is none that may go. When a
// transport rate delay is the reason, transport->next_ok_ms says when to ask again.
struct batch *sched_select(struct transport *t, int64_t now_ms);
// Whether sched_select would find one.
bool sched_has_work(struct transport *t, int64_t now_ms);
// A batch that was out came back unserved: it waits again.
void sched_put_back(struct batch *b, int64_t now_ms);
// It is done: frees the batch, and the destination when nothing is left there.
enum batch_result { BATCH_OK, BATCH_DEST_FAILED, BATCH_NO_VERDICT };
// True: the destination has just died; `dsn` and `reason` are kept there until wake_ms.
bool sched_done(struct batch *b, enum batch_result result, const char *dsn,
                const char *reason, int64_t now_ms, int64_t dead_for_ms);
// Takes one waiting batch of a destination (or transport) away, to be given to another;
// NULL when there is none. The caller frees it with batch_free.
struct batch *dest_take_waiting(struct dest *d);
struct batch *transport_take_waiting(struct transport *t);
void batch_free(struct batch *b);

void transport_kill(struct transport *t, const char *dsn, const char *reason,
                    int64_t now_ms, int64_t dead_for_ms);
void transport_revive(struct transport *t);
void dest_revive(struct dest *d);
// Ends suspensions that are over. Returns milliseconds until the next one, -1 for none.
int64_t sched_tick(struct sched *s, int64_t now_ms);
