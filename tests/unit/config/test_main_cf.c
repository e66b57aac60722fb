// test_main_cf: main.cf syntax and $name expansion.
#include "config/main_cf.h"
#include "unit.h"

static const char text[] = "# comment\n"
                           "name = value\n"
                           "empty =\n"
                           "long = one\n"
                           "   two # not a comment\n"
                           "# comment inside\n"
                           "\n"
                           "\tthree\n"
                           "ref = <$name>\n"
                           "loop = $loop\n"
                           "ten = 10\n";

static const struct {
    const char *why, *in, *want; // want NULL: an error
} cases[] = {
    {"plain",               "abc",                                 "abc"                             },
    {"simple name",         "$name.",                              "value."                          },
    {"braces",              "${name}x",                            "valuex"                          },
    {"parentheses",         "$(name)x",                            "valuex"                          },
    {"recursive",           "$ref",                                "<value>"                         },
    {"unknown is empty",    "[$nobody]",                           "[]"                              },
    {"dollar",              "$$name",                              "$name"                           },
    {"if set",              "${name?yes $name}",                   "yes value"                       },
    {"if set, not",         "${empty?yes}",                        ""                                },
    {"if empty",            "${empty:none}",                       "none"                            },
    {"both",                "${name?{a b}:{c}}",                   "a b"                             },
    {"both, else",          "${empty?{a b}:{c}}",                  "c"                               },
    {"else without braces", "${empty?{a}:c d}",                    "c d"                             },
    {"equal",               "${{$name} == {value} ? {y} : {n}}",   "y"                               },
    {"numbers",             "${{$ten} < {9} ? {y} : {n}}",         "n"                               },
    {"texts",               "${{abc} < {abd} ? {y} : {n}}",        "y"                               },
    {"no branch, true",     "${{1} <= {1}}",                       "true"                            },
    {"no branch, false",    "${{1} != {1}}",                       ""                                },
    {"levels",              "${{3.10} >=level {3.6} ? {y} : {n}}", "y"                               },
    {"nested",              "${name?{${empty?{1}:{2}}}:{3}}",      "2"                               },
    {"continued value",     "$long",                               "one   two # not a comment\tthree"},
    {"loop",                "$loop",                               NULL                              },
    {"cut",                 "${name",                              NULL                              },
    {"end after dollar",    "a$",                                  NULL                              },
    {"bad operator",        "${{1} ~ {2} ? {a}}",                  NULL                              },
    {"text behind",         "${name?{a}b}",                        NULL                              },
};

static void expands(void **state)
{
    struct main_cf *cf = main_cf_new();
    struct error err;

    (void)state;
    assert_true(main_cf_parse(cf, "main.cf", STR_LIT(text), &err));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new();
        const char *result = NULL;
        bool good = main_cf_expand(cf, arena, cases[i].in, &result, &err);

        check_case(cases[i].why, good == (cases[i].want != NULL));
        if (good)
            check_text(cases[i].why, result, cases[i].want);
        arena_free(arena);
    }
    main_cf_free(cf);
}

static const struct {
    const char *why, *in, *error;
} bad_lines[] = {
    {"no equals sign", "a = 1\n\nnonsense\n",
     "main.cf, line 3: missing '=' after attribute name: \"nonsense\""                          },
    {"no name",        "= 1\n",               "main.cf, line 1: missing attribute name: \"= 1\""},
    {"blank in name",  "a b = 1\n",
     "main.cf, line 1: missing '=' after attribute name: \"a b = 1\""                           },
};

static void bad_lines_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_lines); i++) {
        struct main_cf *cf = main_cf_new();
        struct error err = {0};

        check_case(bad_lines[i].why,
                   !main_cf_parse(cf, "main.cf", str_c(bad_lines[i].in), &err));
        check_text(bad_lines[i].why, err.text, bad_lines[i].error);
        main_cf_free(cf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands),
        cmocka_unit_test(bad_lines_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
