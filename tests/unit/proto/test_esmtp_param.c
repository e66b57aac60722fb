// test_esmtp_param: MAIL and RCPT parameters (RFC 5321 4.1.1.11, RFC 3461), and xtext.
#include "proto/esmtp_param.h"
#include "proto/xtext.h"
#include "unit.h"

static const struct {
    const char *why, *text;
    int mask; // 0: refused
} notify[] = {
    {"never",              "NEVER",                 DSN_NEVER                            },
    {"all, any case",      "success,Failure,DELAY", DSN_SUCCESS | DSN_FAILURE | DSN_DELAY},
    {"never stands alone", "NEVER,DELAY",           0                                    },
    {"repeated",           "DELAY,DELAY",           0                                    },
    {"unknown word",       "LATER",                 0                                    },
    {"empty",              "",                      0                                    },
    {"empty member",       "DELAY,",                0                                    },
};

static void notify_is_a_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(notify); i++) {
        int mask = 0;
        bool ok = dsn_notify_parse(str_c(notify[i].text), &mask);

        check_case(notify[i].why, ok == (notify[i].mask != 0));
        check_case(notify[i].why, mask == notify[i].mask);
    }
}

static const struct {
    const char *why, *text, *value; // NULL: refused
} orcpt[] = {
    {"plain",         "rfc822;a@b.example",         "rfc822;a@b.example"      },
    {"coded",         "rfc822;a+2Bb+3Dc@d.example", "rfc822;a+b=c@d.example"  },
    {"utf-8 type",    "utf-8;\\x{e4}@d.example",    "utf-8;\xc3\xa4@d.example"},
    {"no type",       "a@b",                        NULL                      },
    {"empty address", "rfc822;",                    NULL                      },
    {"coded control", "rfc822;a+0A@b",              NULL                      },
    {"coded NUL",     "rfc822;a+00@b",              NULL                      },
    {"cut code",      "rfc822;a+2",                 NULL                      },
    {"surrogate",     "utf-8;\\x{d800}@b",          NULL                      },
};

static void orcpt_is_decoded(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(orcpt); i++) {
        const char *value = NULL;
        bool ok = dsn_orcpt_parse(arena, str_c(orcpt[i].text), &value);

        check_case(orcpt[i].why, ok == (orcpt[i].value != NULL));
        if (ok)
            check_text(orcpt[i].why, value, orcpt[i].value);
    }
    arena_free(arena);
}

static void envid_is_bounded(void **state)
{
    struct arena *arena = arena_new();
    const char *value = NULL;
    char longest[102];

    (void)state;
    memset(longest, 'x', sizeof(longest));
    assert_true(dsn_envid_parse(arena, str_n(longest, 100), &value));
    assert_false(dsn_envid_parse(arena, str_n(longest, 101), &value));
    assert_false(dsn_envid_parse(arena, STR_LIT(""), &value));
    assert_true(dsn_envid_parse(arena, STR_LIT("QQ+2B1"), &value));
    check_text("decoded", value, "QQ+1");
    arena_free(arena);
}

static void xtext_comes_back(void **state)
{
    struct arena *arena = arena_new();
    const char *raw = "a b+c=d\x80\x01", *back = NULL;
    char *coded = xtext_encode(arena, str_c(raw), "d");

    (void)state;
    check_text("coded", coded, "a+20b+2Bc+3D+64+80+01");
    assert_true(xtext_decode(arena, str_c(coded), &back));
    check_text("decoded", back, raw);
    arena_free(arena);
}

static void params_are_taken_in_order(void **state)
{
    struct str rest = str_c(" SIZE=10  SMTPUTF8 X= ");
    struct esmtp_param p;

    (void)state;
    assert_true(esmtp_param_take(&rest, &p));
    assert_true(str_is(p.name, "SIZE") && str_is(p.value, "10") && p.has_value);
    assert_true(esmtp_param_take(&rest, &p));
    assert_true(str_is(p.name, "SMTPUTF8") && !p.has_value);
    assert_true(esmtp_param_take(&rest, &p));
    assert_true(str_is(p.whole, "X=") && p.has_value && p.value.len == 0);
    assert_false(esmtp_param_take(&rest, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notify_is_a_set),           cmocka_unit_test(orcpt_is_decoded),
        cmocka_unit_test(envid_is_bounded),          cmocka_unit_test(xtext_comes_back),
        cmocka_unit_test(params_are_taken_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
