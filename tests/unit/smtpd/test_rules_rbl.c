// test_rules_rbl: "domain=pattern" arguments of the DNS list restrictions.
#include "smtpd/rules_judges.h"
#include "unit.h"

static const struct {
    const char *why, *text;
    bool valid;
} cases[] = {
    {"domain alone",    "bl.example",                        true },
    {"one address",     "bl.example=127.0.0.2",              true },
    {"spans and lists", "bl.example=127.0.[0..1].[2;4..10]", true },
    {"no domain",       "=127.0.0.2",                        false},
    {"three octets",    "bl.example=127.0.0",                false},
    {"five octets",     "bl.example=127.0.0.2.1",            false},
    {"too large",       "bl.example=127.0.0.256",            false},
    {"backwards",       "bl.example=127.0.0.[9..3]",         false},
    {"not closed",      "bl.example=127.0.0.[9",             false},
    {"empty list",      "bl.example=127.0.0.[]",             false},
};

static void patterns_are_checked_at_start_up(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_case(cases[i].why,
                   (rbl_parse(arena, cases[i].text) != NULL) == cases[i].valid);
    arena_free(arena);
}

static void every_restriction_has_a_judge(void **state)
{
    static const char *const names[] = {"permit", "REJECT_UNAUTH_DESTINATION",
                                        "check_policy_service",
                                        "permit_sasl_authenticated"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct restriction *r = restriction_find(str_c(names[i]));

        check_case(names[i], r != NULL && r->judge != NULL);
    }
    assert_null(restriction_find(str_c("permit_mynetwork")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_checked_at_start_up),
        cmocka_unit_test(every_restriction_has_a_judge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
