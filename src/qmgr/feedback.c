// feedback: how many parallel deliveries a destination gets: slow start, backing off, and
// when it counts as dead.
#include "qmgr/feedback.h"
#include "util/str.h"
#include <math.h>
#include <stdlib.h>

static bool parse_number(struct str s, double *value)
{
    char text[32];
    char *end;

    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    if (strspn(text, "0123456789.") != s.len)
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

bool feedback_parse(const char *text, struct feedback *f, struct error *err)
{
    struct str whole = str_trim(str_c(text));
    size_t slash = str_index(whole, '/');
    struct feedback parsed = {FEEDBACK_CONSTANT, 0};
    double divisor = 1;

    if (!parse_number(str_trim(str_sub(whole, 0, slash)), &parsed.amount))
        return error_config(err, "bad feedback value: %s", text);
    if (slash != SIZE_MAX) {
        struct str by = str_trim(str_from(whole, slash + 1));

        if (str_is_nocase(by, "concurrency"))
            parsed.kind = FEEDBACK_PER_N;
        else if (str_is_nocase(by, "sqrt_concurrency"))
            parsed.kind = FEEDBACK_PER_ROOT;
        else if (!parse_number(by, &divisor) || divisor <= 0)
            return error_config(err, "bad feedback value: %s", text);
        parsed.amount /= divisor;
    }
    if (parsed.amount < 0 || parsed.amount > 1)
        return error_config(err, "feedback value not in the range 0..1: %s", text);
    *f = parsed;
    return true;
}

double feedback_value(const struct feedback *f, long concurrency)
{
    double n = concurrency < 1 ? 1 : (double)concurrency;

    switch (f->kind) {
    case FEEDBACK_PER_N:
        return f->amount / n;
    case FEEDBACK_PER_ROOT:
        return f->amount / sqrt(n);
    default:
        return f->amount;
    }
}

void window_reset(struct window *w, const struct window_rules *rules)
{
    *w = (struct window){.size = rules->initial < 1 ? 1 : rules->initial};
    if (rules->limit > 0 && w->size > rules->limit)
        w->size = rules->limit;
}

// Sums such as ten times 0.1 must count as 1.
#define EPSILON 1e-9

void window_success(struct window *w, const struct window_rules *rules, long busy)
{
    if (w->size == 0)
        return;
    w->failed_cohorts = 0;
    // A window that is not used up must not grow: what was taken back later would have no
    // effect for a long time.
    if (w->size >= busy + 1 + rules->initial)
        return;
    w->success += feedback_value(&rules->positive, w->size);
    while (w->success >= 1 - EPSILON) {
        w->size++;
        w->success -= 1;
        w->failure = 0;
    }
    if (rules->limit > 0 && w->size > rules->limit)
        w->size = rules->limit;
}

bool window_failure(struct window *w, const struct window_rules *rules)
{
    if (w->size == 0)
        return false;
    w->failed_cohorts += 1.0 / (double)w->size;
    if (rules->failed_cohort_limit > 0 &&
        w->failed_cohorts >= (double)rules->failed_cohort_limit - EPSILON) {
        w->size = 0;
        return false;
    }
    // The step down comes at the start of a row of failures, so that it helps at once.
    w->failure -= feedback_value(&rules->negative, w->size);
    while (w->failure < -EPSILON) {
        w->size--;
        w->failure += 1;
        w->success = 0;
    }
    if (w->size < 1)
        w->size = 1;
    return true;
}
