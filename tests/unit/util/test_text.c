// test_text: list values, braces, spans of time, UTF-8.
#include "unit.h"
#include "util/clock.h"
#include "util/text.h"

static const struct {
    const char *why, *in;
    size_t len;
    const char *last; // NULL: an error
} lists[] = {
    {"empty",         "",                0, ""               },
    {"mixed",         "a, b\tc ,,d",     4, "d"              },
    {"braces",        "a { b, c } d",    3, "d"              },
    {"nested",        "{ a { b c } d }", 1, "{ a { b c } d }"},
    {"in the middle", "x:{a, b},c",      2, "c"              },
    {"open",          "a { b",           0, NULL             },
};

static void splits_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct arena *arena = arena_new();
        struct text_list list = {NULL, 0};
        bool good = text_list_parse(arena, lists[i].in, &list, NULL);

        check_case(lists[i].why, good == (lists[i].last != NULL));
        check_case(lists[i].why, list.len == lists[i].len);
        if (list.len > 0)
            check_text(lists[i].why, list.items[list.len - 1], lists[i].last);
        arena_free(arena);
    }
}

static void takes_braces_off(void **state)
{
    struct str inner;

    (void)state;
    assert_true(text_unbrace(STR_LIT(" { a b } "), &inner) && str_is(inner, "a b"));
    assert_true(text_unbrace(STR_LIT("{{a}}"), &inner) && str_is(inner, "{a}"));
    assert_false(text_unbrace(STR_LIT("{a} {b}"), &inner));
    assert_false(text_unbrace(STR_LIT("a"), &inner));
    assert_false(text_unbrace(STR_LIT("{a"), &inner));
}

static const struct {
    const char *why, *in;
    long seconds; // -1: an error
} spans[] = {
    {"default unit", "5",                    300   },
    {"seconds",      "5s",                   5     },
    {"hours",        "2h",                   7200  },
    {"upper case",   "1D",                   86400 },
    {"weeks",        "1w",                   604800},
    {"unknown unit", "1y",                   -1    },
    {"empty",        "",                     -1    },
    {"unit only",    "s",                    -1    },
    {"negative",     "-1s",                  -1    },
    {"overflow",     "9223372036854775807w", -1    },
};

static void reads_spans(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(spans); i++) {
        struct duration d = {-1};
        bool good = duration_parse(spans[i].in, 'm', &d);

        check_case(spans[i].why, good == (spans[i].seconds >= 0));
        check_case(spans[i].why, d.seconds == spans[i].seconds);
    }
}

static const struct {
    const char *why, *in;
    bool valid;
} utf8[] = {
    {"ascii",          "abc",              true },
    {"two bytes",      "\xc3\xa9",         true },
    {"four bytes",     "\xf0\x9f\x98\x80", true },
    {"overlong",       "\xc0\x80",         false},
    {"overlong three", "\xe0\x80\x80",     false},
    {"surrogate",      "\xed\xa0\x80",     false},
    {"beyond the end", "\xf4\x90\x80\x80", false},
    {"cut",            "\xe2\x82",         false},
    {"stray",          "\x80",             false},
};

static const struct {
    const char *why, *in, *out;
} printable[] = {
    {"plain",         "a b~",                  "a b~"                 },
    {"control bytes", "a\x01\x7f\nb",          "a???b"                },
    {"UTF-8",         "z\xc3\xbc\xe2\x82\xac", "z\xc3\xbc\xe2\x82\xac"},
    {"Latin-1",       "z\xfcrich",             "z?rich"               },
    {"cut short",     "a\xe2\x82",             "a??"                  },
    {"overlong",      "\xc0\xaf",              "??"                   },
};

static void makes_text_printable(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(printable); i++) {
        char text[16];

        snprintf(text, sizeof(text), "%s", printable[i].in);
        text_make_printable(text, strlen(text));
        check_text(printable[i].why, text, printable[i].out);
    }
}

static void checks_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(utf8); i++)
        check_case(utf8[i].why, utf8_is_valid(str_c(utf8[i].in)) == utf8[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lists),         cmocka_unit_test(takes_braces_off),
        cmocka_unit_test(reads_spans),          cmocka_unit_test(checks_utf8),
        cmocka_unit_test(makes_text_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
