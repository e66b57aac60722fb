// test_master_policy: when master starts a worker, and when it holds back.
#include "master/master_policy.h"
#include "unit.h"
#include <signal.h>

static const struct {
    const char *why;
    struct service_view view;
    enum spawn_verdict want;
} cases[] = {
    {"first client",                         {.limit = 100},                                    SPAWN_WORKER    },
    {"no limit",                             {.limit = 0, .total = 5000},                       SPAWN_WORKER    },
    {"below the limit",                      {.limit = 3, .total = 2, .active = 2},             SPAWN_WORKER    },
    {"at the limit",                         {.limit = 3, .total = 3, .active = 3},             SPAWN_AT_LIMIT  },
    {"above it after a reload",              {.limit = 2, .total = 3},                          SPAWN_AT_LIMIT  },
    {"one process says nothing",             {.limit = 1, .total = 1, .active = 1},             SPAWN_WAIT_EXIT },
    {"old process of one still there",       {.limit = 1, .total = 1},                          SPAWN_WAIT_EXIT },
    {"somebody is idle",                     {.limit = 3, .total = 3, .idle = 1},               SPAWN_LOOK_AGAIN},
    {"a burst",                              {.limit = 9, .total = 2, .idle = 1, .waiting = 5}, SPAWN_WORKER    },
    {"enough are idle",
     {.limit = 9, .total = 5, .idle = 5, .waiting = 5},
     SPAWN_LOOK_AGAIN                                                                                           },
    {"a burst at the limit",
     {.limit = 2, .total = 2, .idle = 1, .waiting = 5},
     SPAWN_LOOK_AGAIN                                                                                           },
    {"the board lies",
     {.limit = 3, .total = 2, .idle = 1, .looked = POLICY_LOOKS_MAX},
     SPAWN_WORKER                                                                                               },
    {"the board lies at the limit",
     {.limit = 3, .total = 3, .idle = 1, .looked = POLICY_LOOKS_MAX},
     SPAWN_AT_LIMIT                                                                                             },
    {"throttled",                            {.limit = 3, .throttled = true},                   SPAWN_THROTTLED },
    {"throttled though idle",                {.limit = 3, .idle = 1, .throttled = true},        SPAWN_THROTTLED },
    {"event-driven, first",                  {.limit = 100, .serves_all = true},                SPAWN_WORKER    },
    {"event-driven, has one",
     {.limit = 100, .total = 1, .active = 1, .serves_all = true},
     SPAWN_WAIT_EXIT                                                                                            },
    {"event-driven, the old one is leaving",
     {.limit = 100, .total = 1, .serves_all = true},
     SPAWN_WORKER                                                                                               },
};

static void starts_workers_within_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_case(cases[i].why, policy_on_client(&cases[i].view) == cases[i].want);
}

// Wait statuses as Linux packs them.
#define EXITED(status) ((status) << 8)
#define KILLED(sig) (sig)

static const struct {
    const char *why;
    int status;
    bool served, want;
} exits[] = {
    {"good end",                 EXITED(0),       false, false},
    {"fatal at start",           EXITED(1),       false, true },
    {"fatal after good work",    EXITED(1),       true,  false},
    {"crash at start",           KILLED(SIGSEGV), false, true },
    {"sandbox at start",         KILLED(SIGSYS),  false, true },
    {"crash after good work",    KILLED(SIGSEGV), true,  false},
    {"killed by somebody",       KILLED(SIGKILL), false, false},
    {"stopped by administrator", KILLED(SIGTERM), false, false},
};

static void tells_bad_programs_from_bad_luck(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(exits); i++)
        check_case(exits[i].why,
                   policy_is_bad_start(exits[i].status, exits[i].served) == exits[i].want);
}

static void looks_less_and_less_often(void **state)
{
    (void)state;
    int64_t total = 0;

    for (unsigned i = 0; i < POLICY_LOOKS_MAX; i++) {
        check_case("grows",
                   i == 0 || policy_look_delay_ms(i) >= policy_look_delay_ms(i - 1));
        total += policy_look_delay_ms(i);
    }
    check_case("a client never waits a second for nothing", total < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_workers_within_limits),
        cmocka_unit_test(tells_bad_programs_from_bad_luck),
        cmocka_unit_test(looks_less_and_less_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
