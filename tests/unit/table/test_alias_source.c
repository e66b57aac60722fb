// test_alias_source: names and values of aliases(5) as they are stored, and what is
// refused.
#include "table/alias_source.h"
#include "table_check.h"

static const struct {
    const char *why, *text, *name, *value, *log;
} cases[] = {
    {"plain",                  "root: jdoe\n",                      "root", "jdoe",                      ""                                 },
    {"continued",              "a: b, c,\n  d\n",                   "a",    "b, c, d",                   ""                                 },
    {"blank before the colon", "d : e\n",                           "d",    "e",                         ""                                 },
    {"quoted",                 "\"e f\": \"|prog arg\", /file\n",   "e f",  "\"|prog arg\", /file",      ""                                 },
    {"two words",              "h i: j\n",                          "h i",  "j",                         ""                                 },
    {"include",                "k: :include:/tmp/x\n",              "k",    ":include:/tmp/x",           ""                                 },
    {"second colon",           "g: x:y\n",                          "g",    "x:y",                       ""                                 },
    {"open quote",             "l: \"unterminated\n",               "l",    "\"unterminated\"",          ""                                 },
    {"comment",                "m: (comment) n <o@p>\n",            "m",    "(comment) n <o@p>",         ""                                 },
    {"backslash",              "p: a@b (c) , \"d e\"@f, \\local\n", "p",    "a@b (c), \"d e\"@f, local",
     ""                                                                                                                                     },
    {"semicolon",              "w: a; b\n",                         "w",    "a;b",                       ""                                 },
    {"no value",               "c:\n",                              NULL,   NULL,                        "t, line 1: need name:value pair\n"},
    {"no colon",               "b\n",                               NULL,   NULL,                        "t, line 1: need name:value pair\n"},
    {"no name",                ": x\n",                             NULL,   NULL,                        "t, line 1: need name:value pair\n"},
    {"list as name",           "n, o: x\n",                         NULL,   NULL,                        "t, line 1: need name:value pair\n"},
    {"address as name",        "\n\nr@ex.com: s\n",                 NULL,   NULL,                        "t, line 3: name must be local\n"  },
    {"indented",               " x: y\n",                           NULL,   NULL,
     "t: logical line must not start with whitespace: \" x: y\"\n"                                                                          },
};

static void entries_are_stored_like_this(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct source src = {
            .lines = {.rest = str_c(cases[i].text)}, .origin = "t", .arena = arena};
        struct str name, value;
        int line;

        logged[0] = '\0';
        bool found = alias_source_next(&src, arena, &name, &value, &line);
        check_case(cases[i].why, found == (cases[i].name != NULL));
        check_case(cases[i].why, !found || str_is(name, cases[i].name));
        check_case(cases[i].why, !found || str_is(value, cases[i].value));
        check_case(cases[i].why, strcmp(logged, cases[i].log) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_are_stored_like_this)};
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
