// test_qp: quoted-printable encoding.
#include "smtp/qp.h"
#include "util/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *why, *text, *want;
} cases[] = {
    {"plain",                  "abc",                                                "abc"                                                                                },
    {"empty",                  "",                                                   ""                                                                                   },
    {"equals sign",            "a=b",                                                "a=3Db"                                                                              },
    {"eight bits",
     "gr\xc3\xbc\xc3\x9f"
     "e",                                                                            "gr=C3=BC=C3=9Fe"                                                                    },
    {"blank at the end",       "a b ",                                               "a b=20"                                                                             },
    {"tab at the end",         "a\t",                                                "a=09"                                                                               },
    {"dot in front",           ".",                                                  "."                                                                                  },
    {"73 columns",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"        },
    {"74 columns",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\nb"  },
    {"dot after a soft break",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n=2E"},
};

static void lines_are_encoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[512];
        size_t column = 0;
        struct str have = {out, qp_encode(str_c(cases[i].text), true, &column, out)};

        if (!str_is(have, cases[i].want) || column != 0)
            fail_msg("%s: %.*s", cases[i].why, STR_FMT(have));
    }
}

static void worst_case_fits(void **state)
{
    (void)state;
    for (size_t len = 0; len < 3000; len += 7) {
        char *text = mem_alloc(len + 1), *out = mem_alloc(QP_SIZE(len));
        size_t column = 30;

        memset(text, 0xe9, len);
        assert_true(qp_encode(str_n(text, len), false, &column, out) <= QP_SIZE(len));
        free(text);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_encoded),
        cmocka_unit_test(worst_case_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
