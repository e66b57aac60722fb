// test_pattern_tables: cidr, regexp and pcre: rules, if and endif, results, bad lines.
#include "table_check.h"

static const struct {
    const char *why, *spec, *text, *key, *result, *log;
} cases[] = {
    {"first match",            "cidr:t",                               "1.2.3.0/24 net\n1.2.3.4 host\n",                    "1.2.3.4",     "net",         ""},
    {"continued",              "cidr:t",                               "1.2.3.4 a\n  b\n",                                  "1.2.3.4",     "a  b",        ""},
    {"no address",             "cidr:t",                               "0.0.0.0/0 x\n",                                     "foo",         "-",           ""},
    {"brackets",               "cidr:t",                               "[2001:db8::]/32 x\n",                               "2001:db8::1", "x",           ""},
    {"brackets around all",    "cidr:t",                               "[2001:db8::/32] x\n",                               "2001:db8::1", "x",           ""},
    {"negation",               "cidr:t",                               "!1.2.3.0/24 other\n",                               "9.9.9.9",     "other",       ""},
    {"negation, other family", "cidr:t",                               "!1.2.3.0/24 other\n",                               "::1",         "-",           ""},
    {"if",                     "cidr:t",                               "if 1.0.0.0/8\n1.2.3.4 in\nendif\n1.2.3.4 out\n",    "1.2.3.4",     "in",          ""},
    {"if not",                 "cidr:t",                               "if !1.0.0.0/8\n0.0.0.0/0 in\nendif\n1.2.3.4 out\n", "1.2.3.4",
     "out",                                                                                                                                               ""},
    {"if not closed",          "cidr:t",                               "if 1.2.3.4\n1.2.3.4 in\n",                          "1.2.3.4",     "in",
     "cidr map t, line 1: IF has no matching ENDIF\n"                                                                                                       },
    {"host bits",              "cidr:t",                               "10.1.2.3/8 x\n",                                    "10.1.2.3",    "-",
     "cidr map t, line 1: non-null host address bits in \"10.1.2.3/8\", perhaps you should "
     "use "
     "\"10.0.0.0/8\" instead: skipping this rule\n"                                                                                                         },
    {"mask too long",          "cidr:t",                               "10.0.0.0/33 x\n",                                   "10.0.0.0",    "-",
     "cidr map t, line 1: bad mask length in \"10.0.0.0/33\": skipping this rule\n"                                                                         },
    {"no mask",                "cidr:t",                               "10.0.0.0/ x\n",                                     "10.0.0.0",    "-",
     "cidr map t, line 1: bad mask value in \"10.0.0.0/\": skipping this rule\n"                                                                            },
    {"no result",              "cidr:t",                               "10.0.0.0/8\n",                                      "10.0.0.0",    "-",
     "cidr map t, line 1: no lookup result: skipping this rule\n"                                                                                           },
    {"no such address",        "cidr:t",                               "foo x\n",                                           "10.0.0.0",    "-",
     "cidr map t, line 1: bad address pattern: \"foo\": skipping this rule\n"                                                                               },
    {"endif alone",            "cidr:t",                               "endif\n",                                           "10.0.0.0",    "-",
     "cidr map t, line 1: ENDIF without IF: skipping this rule\n"                                                                                           },
    {"garbage after endif",    "cidr:t",                               "if 1.2.3.4\nendif x\nendif\n",                      "10.0.0.0",    "-",
     "cidr map t, line 2: garbage after ENDIF: skipping this rule\n"                                                                                        },
    {"half a bracket",         "cidr:t",                               "[::1 x\n",                                          "::1",         "-",
     "cidr map t, line 1: missing ']' character after \"[::1\": skipping this rule\n"                                                                       },
    {"inline",                 "cidr:{{1.2.3.4 yes}, {1.2.0.0/16 b}}", NULL,                                                "1.2.9.9",     "b",           ""},
    {"inline, no brace",       "cidr:{1.2.3.4 yes, {}}",               NULL,                                                "1.2.3.4",
     "!cidr:{1.2.3.4 yes, {}} is unavailable. cidr map: no '{' at start of text in "
     "\"1.2.3.4\"",                                                                                                                                       ""},

    {"groups",                 "regexp:t",                             "/foo(bar)/ $1 and ${1} $(1) $$\n",                  "FOObAr",
     "bAr and bAr bAr $",                                                                                                                                 ""},
    {"group not used",         "regexp:t",                             "/(a)(b)?c/ [$1][$2]\n",                             "ac",          "[a][]",       ""},
    {"empty key",              "regexp:t",                             "/^$/ empty\n",                                      "",            "empty",       ""},
    {"case counts with i",     "regexp:t",                             "/foo/i yes\n",                                      "FOO",         "-",           ""},
    {"negation",               "regexp:t",                             "!/foo/ not $$\n",                                   "z",           "not $",       ""},
    {"if",                     "regexp:t",                             "if /a/\n/ab/ in\nendif\n/./ out\n",                 "ab",          "in",          ""},
    {"if without blank",       "regexp:t",                             "if/c/\n/cc/ in\nendif\n",                           "cc",          "in",          ""},
    {"if not",                 "regexp:t",                             "if !/a/\n/./ in\nendif\n/./ out\n",                 "ab",          "out",         ""},
    {"other delimiter",        "regexp:t",                             "*g/g* x\n",                                         "g/g",         "x",           ""},
    {"escaped delimiter",      "regexp:t",                             "/a\\/b/ x\n",                                       "a/b",         "x",           ""},
    {"no end",                 "regexp:t",                             "/foo\n",                                            "foo",         "-",
     "regexp map t, line 1: no closing regexp delimiter \"/\": skipping this rule\n"                                                                        },
    {"unknown option",         "regexp:t",                             "/foo/q x\n",                                        "foo",         "-",
     "regexp map t, line 1: unknown regexp option \"q\": skipping this rule\n"                                                                              },
    {"syntax",                 "regexp:t",                             "/(foo/ x\n",                                        "foo",         "-",
     "regexp map t, line 1: Unmatched ( or \\(\n"                                                                                                           },
    {"group too high",         "regexp:t",                             "/foo(bar)/ $2\n",                                   "foobar",      "-",
     "regexp map t, line 1: out of range replacement index \"2\": skipping this rule\n"                                                                     },
    {"group in negation",      "regexp:t",                             "!/(foo)/ $1\n",                                     "x",           "-",
     "regexp map t, line 1: $number found in negative match replacement text: skipping "
     "this "
     "rule\n"                                                                                                                                               },
    {"not a rule",             "regexp:t",                             "foo bar\n",                                         "foo",         "-",
     "regexp map t, line 1: ignoring unrecognized request\n"                                                                                                },
    {"if without pattern",     "regexp:t",                             "if\n",                                              "foo",         "-",
     "regexp map t, line 1: no regexp: skipping this rule\n"                                                                                                },
    {"text after if",          "regexp:t",                             "if /x/ y\nendif z\n",                               "foo",         "-",
     "regexp map t, line 1: ignoring extra text after IF statement: \"y\"\n"
     "regexp map t, line 1: do not prepend whitespace to statements between IF and ENDIF\n"
     "regexp map t, line 2: ignoring extra text after ENDIF\n"                                                                                              },
    {"ifs not closed",         "regexp:t",                             "if /a/\nif /b/\n",                                  "foo",         "-",
     "regexp map t, line 2: IF has no matching ENDIF\n"
     "regexp map t, line 1: IF has no matching ENDIF\n"                                                                                                     },
    {"empty macro",            "regexp:t",                             "/q/ ${} x\n",                                       "q",           "-",
     "empty macro name: \"${} x\"\n"
     "regexp map t, line 1: bad replacement syntax: skipping this rule\n"                                                                                   },
    {"macro not a number",     "regexp:t",                             "/q/ ${1a}\n",                                       "q",           "-",
     "regexp map t, line 1: non-numeric replacement index \"1a\"\n"
     "regexp map t, line 1: bad replacement syntax: skipping this rule\n"                                                                                   },
    {"inline",                 "regexp:{{/(A)/ b$1}}",                 NULL,                                                "a",           "ba",          ""},

    {"groups",                 "pcre:t",                               "/foo(bar)/ $1 and ${1}\n",                          "FOObAr",      "bAr and bAr", ""},
    {"lookahead",              "pcre:t",                               "/^(?!owner-)(.*)-x/ <$1>\n",                        "a-x",         "<a>",         ""},
    {"group not used",         "pcre:t",                               "/(a)(b)?c/ [$1][$2]\n",                             "ac",          "[a][]",       ""},
    {"dot takes newlines",     "pcre:t",                               "/^a.b/ x\n",                                        "a\nb",        "x",           ""},
    {"but not with s",         "pcre:t",                               "/^a.b/s x\n",                                       "a\nb",        "-",           ""},
    {"obsolete option",        "pcre:t",                               "/x/AEUXs v\n",                                      "x",           "v",
     "pcre map t, line 1: ignoring obsolete regexp option \"X\"\n"                                                                                          },
    {"no end",                 "pcre:t",                               "/foo\n",                                            "foo",         "-",
     "pcre map t, line 1: no closing regexp delimiter \"/\": ignoring this rule\n"                                                                          },
    {"syntax",                 "pcre:t",                               "/(foo/ x\n",                                        "foo",         "-",
     "pcre map t, line 1: error in regex at offset 4: missing closing parenthesis\n"                                                                        },
};

static void rules_match_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *result;

        logged[0] = '\0';
        if (cases[i].text != NULL)
            write_file("t", cases[i].text);
        result = ask_spec(cases[i].spec, TABLE_FOLD_KEY, cases[i].key);
        if (strcmp(result, cases[i].result) != 0 || strcmp(logged, cases[i].log) != 0)
            fail_msg("%s %s: \"%s\" is not \"%s\"; log: %s", cases[i].spec, cases[i].why,
                     result, cases[i].result, logged);
    }
}

static void substitution_can_be_forbidden(void **state)
{
    (void)state;
    logged[0] = '\0';
    assert_string_equal(ask_spec("pcre:{{/(a)/ $1}, {/a/ ok}}", TABLE_NO_REGSUB, "a"),
                        "ok");
    assert_non_null(strstr(logged, "regular expression substitution is not allowed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_match_as_documented),
        cmocka_unit_test(substitution_can_be_forbidden),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
