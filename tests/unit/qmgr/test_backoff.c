// test_backoff: when deferred mail is tried again, and when it is too old.
#include "qmgr/backoff.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const struct backoff_rules rules = {{300}, {4000}, {432000}, {86400}};

static const struct {
    const char *why;
    int64_t age;
    long delay;
} delays[] = {
    {"a new message waits the minimum",          0,      300 },
    {"still below the minimum",                  299,    300 },
    {"the delay is the age, so that it doubles", 1000,   1000},
    {"never above the maximum",                  100000, 4000},
    {"a clock that went back",                   -50,    300 },
};

static void delay_follows_age(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
        if (backoff_delay(&rules, 1000, 1000 + delays[i].age) != delays[i].delay)
            fail_msg("%s", delays[i].why);
}

static void bounces_have_their_own_lifetime(void **state)
{
    (void)state;
    assert_false(backoff_is_expired(&rules, false, 0, 431999));
    assert_true(backoff_is_expired(&rules, false, 0, 432000));
    assert_false(backoff_is_expired(&rules, true, 0, 86399));
    assert_true(backoff_is_expired(&rules, true, 0, 86400));
}

static void zero_lifetime_is_one_attempt(void **state)
{
    struct backoff_rules once = rules;

    (void)state;
    once.lifetime.seconds = 0;
    assert_true(backoff_is_expired(&once, false, 100, 100));
}

static void future_mtime_waits_unless_flushed(void **state)
{
    (void)state;
    assert_true(backoff_is_due(&rules, 100, 100, false));
    assert_false(backoff_is_due(&rules, 101, 100, false));
    assert_true(backoff_is_due(&rules, 101, 100, true));
    assert_false(backoff_is_due(&rules, 8100, 100, false));
    assert_true(backoff_is_due(&rules, 8101, 100, false)); // the clock was set back
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_follows_age),
        cmocka_unit_test(bounces_have_their_own_lifetime),
        cmocka_unit_test(zero_lifetime_is_one_attempt),
        cmocka_unit_test(future_mtime_waits_unless_flushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
