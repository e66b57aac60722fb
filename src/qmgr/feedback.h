// feedback: how many parallel deliveries a destination gets: slow start, backing off, and
// when it counts as dead.
#pragma once
#include "util/error.h"

// What one delivery adds or takes: a constant, or a number divided by the concurrency or by
// its square root.
struct feedback {
    enum { FEEDBACK_CONSTANT, FEEDBACK_PER_N, FEEDBACK_PER_ROOT } kind;
    double amount; // 0 to 1
};

// "1", "1/8", "1/concurrency", "1/sqrt_concurrency".
MUST_CHECK bool feedback_parse(const char *text, struct feedback *f, struct error *err);
double feedback_value(const struct feedback *f, long concurrency);

struct window_rules {
    long initial, limit; // limit 0: none
    struct feedback positive, negative;
    long failed_cohort_limit; // 0: never dead
};

// A destination's concurrency. Zero values are not valid: window_reset first.
struct window {
    long size; // deliveries that may run at a time; 0: dead
    double success, failure, failed_cohorts;
};

void window_reset(struct window *w, const struct window_rules *rules);
// A delivery ended without trouble of connection or handshake, while `busy` others run.
void window_success(struct window *w, const struct window_rules *rules, long busy);
// One ended with such trouble. False: the destination is dead now.
MUST_CHECK bool window_failure(struct window *w, const struct window_rules *rules);
