// test_table: opening by type and name, and the small types.
#include "table_check.h"

static const struct {
    const char *why, *spec, *key, *result;
} cases[] = {
    {"no type",                   "foo",                                                 "a",
     "?open dictionary: expecting \"type:name\" form instead of \"foo\""                                                                                },
    {"no name",                   "inline:",                                             "a",
     "?open dictionary: expecting \"type:name\" form instead of \"inline:\""                                                                            },
    {"unknown type",              "foo:bar",                                             "a",          "?unsupported dictionary type: foo"              },
    {"inline",                    "inline:{a=b}",                                        "a",          "b"                                              },
    {"inline folds",              "inline:{A=b}",                                        "A",          "b"                                              },
    {"inline with blanks",        "inline:{a=b, { c = c d }}",                           "c",          "c d"                                            },
    {"inline has no such key",    "inline:{a=b}",                                        "x",          "-"                                              },
    {"inline empty",              "inline:{}",                                           "a",
     "!inline:{} is unavailable. bad syntax: \"inline:{}\"; need "
     "\"inline:{name=value...}\""                                                                                                                       },
    {"inline without =",          "inline:{a}",                                          "a",
     "!inline:{a} is unavailable. missing '=' after attribute name: \"inline:{a}\"; need "
     "\"inline:{name=value...}\""                                                                                                                       },
    {"static",                    "static:a b",                                          "x",          "a b"                                            },
    {"static in braces",          "static:{ a b }",                                      "x",          "a b"                                            },
    {"static half a brace",       "static:{",                                            "x",
     "!static:{ is unavailable. bad static:name syntax: missing '}' in \"{\""                                                                           },
    {"randmap of one",            "randmap:{a}",                                         "x",          "a"                                              },
    {"randmap empty",             "randmap:{}",                                          "x",
     "!randmap:{} is unavailable. bad syntax: \"randmap:{}\"; need \"randmap:{value...}\""                                                              },
    {"pipemap",                   "pipemap:{inline:{a=b}, inline:{b=c}}",                "a",          "c"                                              },
    {"pipemap stops",             "pipemap:{inline:{a=b}, inline:{x=c}}",                "a",          "-"                                              },
    {"pipemap with a bad member", "pipemap:{foo:bar}",                                   "a",
     "!pipemap:{foo:bar} is unavailable. unsupported dictionary type: foo"                                                                              },
    {"unionmap",                  "unionmap:{inline:{a=b}, inline:{a=c}, inline:{x=y}}", "a",          "b,c"                                            },
    {"unionmap finds nothing",    "unionmap:{inline:{a=b}}",                             "z",          "-"                                              },
    {"unix",                      "unix:passwd.byname",                                  "nosuchuser", "-"                                              },
    {"unix unknown",              "unix:foo",                                            "root",
     "!unix:foo is unavailable. unknown table: unix:foo"                                                                                                },
    {"fail",                      "fail:foo",                                            "a",          "!table fail:foo: query error: Application error"},
    {"internal starts empty",     "internal:x",                                          "a",          "-"                                              },
    {"proxy",                     "proxy:inline:{a=b}",                                  "a",          "b"                                              },
    {"missing text",              "texthash:none",                                       "a",
     "!texthash:none is unavailable. open database none: No such file or directory"                                                                     },
    {"missing cidr",              "cidr:none",                                           "a",
     "!cidr:none is unavailable. open none: No such file or "
     "directory"                                                                                                                                        },
    {"missing hash",              "hash:none",                                           "a",
     "!hash:none is unavailable. open database none.db: No such file or directory"                                                                      },
};

static void types_answer_as_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *result = ask_spec(cases[i].spec, TABLE_FOLD_KEY, cases[i].key);

        if (strcmp(result, cases[i].result) != 0)
            fail_msg("%s: \"%s\" is not \"%s\"", cases[i].why, result, cases[i].result);
    }
}

static void environment_is_a_table(void **state)
{
    (void)state;
    setenv("RELAIS_TEST", "value", 1);
    assert_string_equal(ask_spec("environ:x", 0, "RELAIS_TEST"), "value");
}

static void utf8_is_demanded_where_wanted(void **state)
{
    (void)state;
    logged[0] = '\0';
    assert_string_equal(ask_spec("inline:{a=b}", TABLE_UTF8, "a\xff"), "-");
    assert_non_null(strstr(logged, ": malformed UTF-8 or invalid codepoint"));
    assert_string_equal(
        ask_spec("inline:{\xc3\xa4=b}", TABLE_UTF8 | TABLE_FOLD_KEY, "\xc3\x84"), "b");
}

static void a_changed_text_is_read_anew(void **state)
{
    struct error err;

    (void)state;
    write_file("t", "a 1\n");
    struct table *t = table_open("texthash:t", NULL, 0, &err);
    assert_string_equal(ask(t, "a"), "1");
    write_file("t", "a 22\n");
    assert_true(table_reopen(t, &err));
    assert_string_equal(ask(t, "a"), "22");
    unlink("t");
    assert_false(table_reopen(t, &err)); // the old one stays
    assert_string_equal(ask(t, "a"), "22");
    table_close(t);
}

static void texthash_names_bad_lines(void **state)
{
    (void)state;
    logged[0] = '\0';
    write_file(
        "t",
        "# comment\n lead x\na b\nA c\nkey\n\"q k\" val\n  more\n\"open x\nfoo: bar\n");
    assert_string_equal(ask_spec("texthash:t", TABLE_FOLD_KEY | TABLE_UTF8, "\"q k\""),
                        "val  more");
    assert_string_equal(
        logged, "t: logical line must not start with whitespace: \" lead x\"\n"
                "t, line 4: duplicate entry: \"A\"\n"
                "t, line 5: expected format: key whitespace value -- ignoring this line\n"
                "t, line 8: unbalanced '\"' in '\"open x' -- ignoring this line\n"
                "t, line 9: record is in \"key: value\" format; is this an alias file?\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_answer_as_named),
        cmocka_unit_test(environment_is_a_table),
        cmocka_unit_test(utf8_is_demanded_where_wanted),
        cmocka_unit_test(a_changed_text_is_read_anew),
        cmocka_unit_test(texthash_names_bad_lines),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
