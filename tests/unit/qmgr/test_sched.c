// test_sched: which delivery comes next, with a fake clock.
#include "qmgr/sched.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES_MAX 64

// Stands for the queue manager's message: the scheduler only carries the pointer.
struct message {
    char letter;
    struct job *jobs;
};

static struct rcpt *one_rcpt[1]; // the recipients do not matter here

struct world {
    struct sched sched;
    struct transport *t;
    struct message msgs[MESSAGES_MAX];
    size_t msgs_len;
    int64_t now;
};

static struct transport_rules plain_rules(void)
{
    struct transport_rules r = {.rcpt_limit = 1,
                                .slot_cost = 5,
                                .slot_loan = 3,
                                .slot_discount = 50,
                                .min_slots = 3};

    r.window = (struct window_rules){.initial = 5, .limit = 20, .failed_cohort_limit = 1};
    assert_true(feedback_parse("1", &r.window.positive, NULL));
    assert_true(feedback_parse("1", &r.window.negative, NULL));
    return r;
}

static struct world *world_new(struct transport_rules rules)
{
    struct world *w = calloc(1, sizeof(*w));

    sched_init(&w->sched);
    w->now = 1000000;
    w->t = sched_transport_add(&w->sched, "smtp", &rules);
    return w;
}

static struct message *arrive(struct world *w, char letter, int batches,
                              const char *nexthop)
{
    struct message *m = &w->msgs[w->msgs_len++];
    struct job *job;

    m->letter = letter;
    job = job_get(&m->jobs, m, w->t, w->now);
    for (int i = 0; i < batches; i++)
        job_add(job, dest_get(w->t, nexthop, nexthop), one_rcpt, 1, 1, w->now);
    w->now += 10;
    return m;
}

static void world_free(struct world *w)
{
    struct batch *b;

    while ((b = transport_take_waiting(w->t)) != NULL)
        batch_free(b);
    for (size_t i = 0; i < w->msgs_len; i++)
        jobs_free(&w->msgs[i].jobs);
    sched_free(&w->sched);
    free(w);
}

// Serves one after the other until nothing is left; the order by letters.
static const char *serve_all(struct world *w)
{
    static char order[256];
    size_t len = 0;
    struct batch *b;

    while ((b = sched_select(w->t, w->now)) != NULL && len < sizeof(order) - 1) {
        order[len++] = b->msg->letter;
        w->now += 1000; // so that every look for a candidate is a fresh one
        sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    }
    order[len] = '\0';
    return order;
}

static struct transport_rules slots(long cost, long discount, long loan, long min)
{
    struct transport_rules r = plain_rules();

    r.slot_cost = cost;
    r.slot_discount = discount;
    r.slot_loan = loan;
    r.min_slots = min;
    return r;
}

static const struct {
    const char *why;
    long cost, discount, loan, min;
    int first, second, third; // recipients of A, B and C
    const char *order;
} orders[] = {
    {"without slots it is first come, first served",       0, 0,  0, 0, 4,  2, 1, "AAAABBC"       },
    {"small jobs wait until the big one has saved enough", 2, 0,  0, 0, 10, 2, 2,
     "AAAABBAAAACCAA"                                                                             },
    {"half the price in advance",                          2, 50, 0, 0, 10, 2, 2, "AABBAAAACCAAAA"},
    {"a loan lets the first pass at once",                 2, 0,  2, 0, 10, 2, 2, "BBAAAACCAAAAAA"},
    {"a job too small to save up is never preempted",      5, 50, 3, 3, 10, 1, 1,
     "AAAAAAAAAABC"                                                                               },
    {"one just as big never passes",                       2, 50, 3, 0, 6,  6, 1, "CAAAAAABBBBBB" },
};

static void small_messages_overtake_huge_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(orders); i++) {
        struct world *w = world_new(
            slots(orders[i].cost, orders[i].discount, orders[i].loan, orders[i].min));
        const char *order;

        arrive(w, 'A', orders[i].first, "a.example");
        arrive(w, 'B', orders[i].second, "b.example");
        arrive(w, 'C', orders[i].third, "c.example");
        order = serve_all(w);
        if (strcmp(order, orders[i].order) != 0)
            fail_msg("%s: %s, not %s", orders[i].why, order, orders[i].order);
        world_free(w);
    }
}

// However many small ones come, the big one is late by no more than cost / (cost - 1).
static void huge_message_is_not_starved(void **state)
{
    struct world *w = world_new(slots(5, 50, 3, 3));
    struct message *big = arrive(w, 'A', 200, "a.example");
    int served = 0, others = 0;

    (void)state;
    while (served < 200) {
        struct batch *b;

        if (w->msgs_len < MESSAGES_MAX && others + 1 >= (int)w->msgs_len)
            arrive(w, 'b', 1, "b.example");
        b = sched_select(w->t, w->now);
        assert_non_null(b);
        if (b->msg == big)
            served++;
        else
            others++;
        w->now += 1000;
        sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    }
    assert_in_range(others, 30, 200 / 4 + 8);
    world_free(w);
}

static void destinations_of_a_job_take_turns(void **state)
{
    struct world *w = world_new(plain_rules());
    struct message *m = arrive(w, 'A', 2, "a.example");
    char seen[8] = "";
    struct batch *b;

    (void)state;
    job_add(m->jobs, dest_get(w->t, "b.example", "b.example"), one_rcpt, 1, 1, w->now);
    job_add(m->jobs, dest_get(w->t, "b.example", "b.example"), one_rcpt, 1, 1, w->now);
    while ((b = sched_select(w->t, w->now)) != NULL) {
        strncat(seen, b->dest->nexthop, 1);
        sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    }
    assert_string_equal(seen, "abab");
    world_free(w);
}

static void busy_destination_blocks_only_its_own(void **state)
{
    struct transport_rules r = plain_rules();
    struct world *w;
    struct batch *a1, *a2, *b;

    (void)state;
    r.window.initial = r.window.limit = 2;
    w = world_new(r);
    for (int i = 0; i < 5; i++)
        arrive(w, (char)('A' + i), 1, "slow.example");
    arrive(w, 'z', 1, "b.example");
    a1 = sched_select(w->t, w->now);
    a2 = sched_select(w->t, w->now);
    assert_int_equal(a1->msg->letter, 'A');
    assert_int_equal(a2->msg->letter, 'B');
    b = sched_select(w->t, w->now);
    assert_int_equal(b->msg->letter, 'z');
    assert_null(sched_select(w->t, w->now));
    sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    assert_null(sched_select(w->t, w->now));
    // A free place goes to the oldest that waits.
    sched_done(a2, BATCH_OK, NULL, NULL, w->now, 0);
    b = sched_select(w->t, w->now);
    assert_int_equal(b->msg->letter, 'C');
    sched_done(a1, BATCH_OK, NULL, NULL, w->now, 0);
    sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    assert_string_equal(serve_all(w), "DE");
    world_free(w);
}

static void dead_destination_gives_up_what_waits(void **state)
{
    struct transport_rules r = plain_rules();
    struct world *w;
    struct batch *b;

    (void)state;
    r.window.initial = r.window.limit = 1;
    w = world_new(r);
    arrive(w, 'A', 3, "a.example");
    b = sched_select(w->t, w->now);
    struct dest *d = b->dest;

    assert_true(sched_done(b, BATCH_DEST_FAILED, "4.4.1", "refused", w->now, 5000));
    assert_true(d->is_dead);
    assert_string_equal(d->dsn, "4.4.1");
    assert_null(sched_select(w->t, w->now));
    int taken = 0;

    while ((b = dest_take_waiting(d)) != NULL) {
        taken++;
        batch_free(b);
    }
    assert_int_equal(taken, 2);
    assert_int_equal(sched_tick(&w->sched, w->now), 5000);
    assert_non_null(dest_find(w->t, "a.example"));
    w->now += 5000;
    assert_int_equal(sched_tick(&w->sched, w->now), -1);
    assert_null(dest_find(w->t, "a.example"));
    world_free(w);
}

static void destination_rate_delay_spaces_deliveries(void **state)
{
    struct transport_rules r = plain_rules();
    struct world *w;
    struct batch *b;

    (void)state;
    r.dest_delay_ms = 2000;
    w = world_new(r);
    arrive(w, 'A', 2, "a.example");
    arrive(w, 'B', 1, "b.example");
    b = sched_select(w->t, w->now);
    struct batch *other = sched_select(w->t, w->now);

    assert_int_equal(other->msg->letter, 'B'); // another destination need not wait
    assert_null(sched_select(w->t, w->now));
    sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    sched_done(other, BATCH_OK, NULL, NULL, w->now, 0);
    assert_null(sched_select(w->t, w->now));
    assert_int_equal(sched_tick(&w->sched, w->now), 2000);
    w->now += 1999;
    sched_tick(&w->sched, w->now);
    assert_null(sched_select(w->t, w->now));
    w->now += 1;
    sched_tick(&w->sched, w->now);
    b = sched_select(w->t, w->now);
    assert_non_null(b);
    sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    w->now += 2000;
    sched_tick(&w->sched, w->now);
    world_free(w);
}

static void transport_rate_delay_spaces_all(void **state)
{
    struct transport_rules r = plain_rules();
    struct world *w;
    struct batch *b;

    (void)state;
    r.transport_delay_ms = 1000;
    w = world_new(r);
    arrive(w, 'A', 1, "a.example");
    arrive(w, 'B', 1, "b.example");
    b = sched_select(w->t, w->now);
    int64_t first = w->now;

    sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    assert_null(sched_select(w->t, w->now));
    assert_int_equal(sched_tick(&w->sched, w->now), 1000);
    w->now = first + 1000;
    b = sched_select(w->t, w->now);
    assert_int_equal(b->msg->letter, 'B');
    sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
    world_free(w);
}

static void recipients_are_grouped_up_to_the_limit(void **state)
{
    struct world *w = world_new(plain_rules());
    struct message *m = &w->msgs[w->msgs_len++];
    struct rcpt *many[7] = {NULL};
    struct job *job = job_get(&m->jobs, m, w->t, w->now);

    (void)state;
    assert_int_equal(
        job_add(job, dest_get(w->t, "a.example", "a.example"), many, 7, 3, w->now), 3);
    // The next portion fills up the last batch first.
    assert_int_equal(
        job_add(job, dest_get(w->t, "a.example", "a.example"), many, 3, 3, w->now), 1);
    assert_int_equal(w->t->waiting, 4);
    world_free(w);
}

// B seemed to need five slots and took one: the others are there for C at once.
static void unused_slots_are_given_back(void **state)
{
    struct world *w = world_new(slots(2, 0, 0, 0));
    char order[64];
    size_t len = 0;
    struct batch *b;

    (void)state;
    arrive(w, 'A', 30, "a.example");
    struct message *second = arrive(w, 'B', 1, "b.example");
    second->jobs->unread_max = 4;
    while ((b = sched_select(w->t, w->now)) != NULL && len < sizeof(order) - 1) {
        order[len++] = b->msg->letter;
        if (b->msg == second) {
            second->jobs->unread_max = 0; // what was read was for somebody else
            arrive(w, 'C', 1, "c.example");
        }
        w->now += 1000;
        struct message *msg = b->msg;
        sched_done(b, BATCH_OK, NULL, NULL, w->now, 0);
        if (msg == second)
            jobs_free(&second->jobs);
    }
    order[len] = '\0';
    assert_string_equal(order, "AAAAAAAAAABCAAAAAAAAAAAAAAAAAAAA");
    world_free(w);
}

static void unserved_batch_comes_first_again(void **state)
{
    struct world *w = world_new(plain_rules());
    struct batch *b;

    (void)state;
    arrive(w, 'A', 1, "a.example");
    arrive(w, 'B', 1, "a.example");
    b = sched_select(w->t, w->now);
    sched_put_back(b, w->now);
    assert_string_equal(serve_all(w), "AB");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_messages_overtake_huge_ones),
        cmocka_unit_test(huge_message_is_not_starved),
        cmocka_unit_test(destinations_of_a_job_take_turns),
        cmocka_unit_test(busy_destination_blocks_only_its_own),
        cmocka_unit_test(dead_destination_gives_up_what_waits),
        cmocka_unit_test(destination_rate_delay_spaces_deliveries),
        cmocka_unit_test(transport_rate_delay_spaces_all),
        cmocka_unit_test(recipients_are_grouped_up_to_the_limit),
        cmocka_unit_test(unused_slots_are_given_back),
        cmocka_unit_test(unserved_batch_comes_first_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
