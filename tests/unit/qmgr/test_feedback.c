// test_feedback: concurrency feedback, and when a destination counts as dead.
#include "qmgr/feedback.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
    const char *text;
    bool valid;
    int kind;
    double at_four; // with a concurrency of four
} texts[] = {
    {"1",                  true,  FEEDBACK_CONSTANT, 1    },
    {" 0.5 ",              true,  FEEDBACK_CONSTANT, 0.5  },
    {"1/8",                true,  FEEDBACK_CONSTANT, 0.125},
    {"1 / concurrency",    true,  FEEDBACK_PER_N,    0.25 },
    {"1/sqrt_concurrency", true,  FEEDBACK_PER_ROOT, 0.5  },
    {"0",                  true,  FEEDBACK_CONSTANT, 0    },
    {"2",                  false, 0,                 0    },
    {"",                   false, 0,                 0    },
    {"1/0",                false, 0,                 0    },
    {"1/x",                false, 0,                 0    },
    {"-1",                 false, 0,                 0    },
    {"1e9",                false, 0,                 0    },
    {"nan",                false, 0,                 0    },
};

static void parses_the_four_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct feedback f = {0};
        struct error err;
        bool valid = feedback_parse(texts[i].text, &f, &err);

        if (valid != texts[i].valid)
            fail_msg("\"%s\"", texts[i].text);
        if (valid) {
            assert_int_equal((int)f.kind, texts[i].kind);
            assert_true(feedback_value(&f, 4) == texts[i].at_four);
        }
    }
}

static struct window_rules rules(const char *positive, const char *negative, long cohorts)
{
    struct window_rules r = {.initial = 5, .limit = 20, .failed_cohort_limit = cohorts};

    assert_true(feedback_parse(positive, &r.positive, NULL));
    assert_true(feedback_parse(negative, &r.negative, NULL));
    return r;
}

static void constant_feedback_doubles_per_cohort(void **state)
{
    struct window_rules r = rules("1", "1", 1);
    struct window w;

    (void)state;
    window_reset(&w, &r);
    for (int i = 0; i < 5; i++)
        window_success(&w, &r, w.size - 1);
    assert_int_equal(w.size, 10);
    for (int i = 0; i < 50; i++)
        window_success(&w, &r, w.size - 1);
    assert_int_equal(w.size, 20);
}

static void per_n_feedback_adds_one_per_cohort(void **state)
{
    struct window_rules r = rules("1/concurrency", "1/concurrency", 10);
    struct window w;

    (void)state;
    window_reset(&w, &r);
    for (int i = 0; i < 4; i++)
        window_success(&w, &r, w.size - 1);
    assert_int_equal(w.size, 5);
    window_success(&w, &r, w.size - 1);
    assert_int_equal(w.size, 6);
    // Down at the start of the row of failures, not at its end.
    assert_true(window_failure(&w, &r));
    assert_int_equal(w.size, 5);
    for (int i = 0; i < 4; i++)
        assert_true(window_failure(&w, &r));
    assert_int_equal(w.size, 5);
    assert_true(window_failure(&w, &r));
    assert_int_equal(w.size, 4);
}

static void idle_window_does_not_grow(void **state)
{
    struct window_rules r = rules("1", "1", 1);
    struct window w;

    (void)state;
    window_reset(&w, &r);
    for (int i = 0; i < 100; i++)
        window_success(&w, &r, 0);
    assert_int_equal(w.size, 6);
}

static void one_failed_cohort_kills(void **state)
{
    struct window_rules r = rules("1", "1", 1);
    struct window w;

    (void)state;
    window_reset(&w, &r);
    assert_true(window_failure(&w, &r));  // 1/5
    assert_true(window_failure(&w, &r));  // + 1/4
    assert_true(window_failure(&w, &r));  // + 1/3
    assert_false(window_failure(&w, &r)); // + 1/2
    assert_int_equal(w.size, 0);
}

static void success_forgets_failed_cohorts(void **state)
{
    struct window_rules r = rules("0", "0", 1);
    struct window w;

    (void)state;
    window_reset(&w, &r);
    for (int i = 0; i < 100; i++) {
        assert_true(window_failure(&w, &r));
        window_success(&w, &r, 0);
    }
    for (int i = 0; i < 4; i++)
        assert_true(window_failure(&w, &r));
    assert_false(window_failure(&w, &r));
}

static void zero_cohort_limit_never_kills(void **state)
{
    struct window_rules r = rules("1", "1", 0);
    struct window w;

    (void)state;
    window_reset(&w, &r);
    for (int i = 0; i < 1000; i++)
        assert_true(window_failure(&w, &r));
    assert_int_equal(w.size, 1);
}

static void single_delivery_window_dies_at_once(void **state)
{
    struct window_rules r = rules("1", "1", 1);
    struct window w;

    (void)state;
    r.initial = r.limit = 1;
    window_reset(&w, &r);
    assert_false(window_failure(&w, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_the_four_forms),
        cmocka_unit_test(constant_feedback_doubles_per_cohort),
        cmocka_unit_test(per_n_feedback_adds_one_per_cohort),
        cmocka_unit_test(idle_window_does_not_grow),
        cmocka_unit_test(one_failed_cohort_kills),
        cmocka_unit_test(success_forgets_failed_cohorts),
        cmocka_unit_test(zero_cohort_limit_never_kills),
        cmocka_unit_test(single_delivery_window_dies_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
