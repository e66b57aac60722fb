// test_address: forms of addresses, SMTP paths, and addresses inside header fields.
#include "unit.h"
#include "mail/address.h"
#include "util/buf.h"
#include <string.h>

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void quoting_goes_both_ways(void **state)
{
    static const struct {
        const char *internal, *external;
    } cases[] = {
        {"",                ""                 },
        {"ann",             "ann"              },
        {"ann@b.example",   "ann@b.example"    },
        {"a.b+c@d",         "a.b+c@d"          },
        {"a b@c",           "\"a b\"@c"        },
        {".a@c",            "\".a\"@c"         },
        {"a.@c",            "\"a.\"@c"         },
        {"a..b@c",          "\"a..b\"@c"       },
        {"a@b@c",           "\"a@b\"@c"        },
        {"a\"b\\c@d",       "\"a\\\"b\\\\c\"@d"},
        {"@c",              "\"\"@c"           },
        {"j\xc3\xb6rg@c",   "j\xc3\xb6rg@c"    },
        {"ann@[192.0.2.1]", "ann@[192.0.2.1]"  },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *external = address_quote(arena, cases[i].internal);

        check_case(cases[i].internal, strcmp(external, cases[i].external) == 0);
        check_case(cases[i].internal,
                   strcmp(address_unquote(arena, str_c(external)), cases[i].internal) == 0);
    }
}

static void accepts_rfc5321_paths(void **state)
{
    static const struct {
        const char *text;
        bool strict, valid;
        const char *address, *rest;
    } cases[] = {
        {"<>",               true,  true,  "",               ""       },
        {"<ann@b>",          true,  true,  "ann@b",          ""       },
        {"<ann@b> SIZE=5",   true,  true,  "ann@b",          " SIZE=5"},
        {"<\"a b\"@c>",      true,  true,  "a b@c",          ""       },
        {"<\"a>b\"@c> X",    true,  true,  "a>b@c",          " X"     },
        {"<@r1,@r2:ann@b>",  true,  true,  "ann@b",          ""       },
        {"<a@b@c>",          true,  true,  "a@b@c",          ""       },
        {"<ann@[IPv6:::1]>", true,  true,  "ann@[IPv6:::1]", ""       },
        {"<postmaster>",     true,  true,  "postmaster",     ""       },
        {"<j\xc3\xb6rg@c>",  true,  true,  "j\xc3\xb6rg@c",  ""       },
        {"ann@b",            true,  false, NULL,             NULL     },
        {"ann@b",            false, true,  "ann@b",          ""       },
        {" ann@b SIZE=5",    false, true,  "ann@b",          " SIZE=5"},
        {" < ann@b >",       false, true,  "ann@b",          ""       },
        {" <ann@b>",         true,  false, NULL,             NULL     },
        {"<ann@b",           true,  false, NULL,             NULL     },
        {"<ann@b",           false, false, NULL,             NULL     },
        {"<ann@b>x",         true,  false, NULL,             NULL     },
        {"<ann b@c>",        true,  false, NULL,             NULL     },
        {"<\"ann@c>",        true,  false, NULL,             NULL     },
        {"<ann\\>",          true,  false, NULL,             NULL     },
        {"<ann@[1.2.3.4>",   true,  false, NULL,             NULL     },
        {"<<ann@b>>",        true,  false, NULL,             NULL     },
        {"<a,b@c>",          true,  false, NULL,             NULL     },
        {"<ann\r@b>",        true,  false, NULL,             NULL     },
        {"<\"a\nb\"@b>",     true,  false, NULL,             NULL     },
        {"",                 false, false, NULL,             NULL     },
        {"",                 true,  false, NULL,             NULL     },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *address = NULL;
        struct str rest;
        bool valid =
            smtp_path_parse(arena, str_c(cases[i].text), cases[i].strict, &address, &rest);

        check_case(cases[i].text, valid == cases[i].valid);
        if (!valid)
            continue;
        check_case(cases[i].text, strcmp(address, cases[i].address) == 0);
        check_case(cases[i].text, str_is(rest, cases[i].rest));
    }
}

static void finds_the_addresses_of_a_header(void **state)
{
    static const struct {
        const char *value;
        const char *expected; // "internal=text|..."
    } cases[] = {
        {"",                              ""                                        },
        {"ann@b",                         "ann@b=ann@b|"                            },
        {" Ann Doe <ann@b>, bob ",        "ann@b=ann@b|bob=bob|"                    },
        {"\"Doe, Ann\" <ann@b>\n (c, d)", "ann@b=ann@b|"                            },
        {"ann@b (Ann (Doe), x)",          "ann@b=ann@b|"                            },
        {"(x) ann@b",                     "ann@b=ann@b|"                            },
        {"Friends: ann@b, <bob@c>;, eve", "ann@b=ann@b|bob@c=bob@c|eve=eve|"        },
        {"undisclosed-recipients:;",      ""                                        },
        {"<@r1,@r2:ann@b>",               "ann@b=ann@b|"                            },
        {"\"a b\"@c",                     "a b@c=\"a b\"@c|"                        },
        {"ann @ b . c",                   "ann@b.c=ann @ b . c|"                    },
        {"ann@(x)b",                      "ann@b=ann@(x)b|"                         },
        {"John Doe",                      "John Doe=John Doe|"                      },
        {"ann@[192.0.2.1],,bob",          "ann@[192.0.2.1]=ann@[192.0.2.1]|bob=bob|"},
        {"<>",                            "=|"                                      },
        {"Ann <ann@b",                    "ann@b=ann@b|"                            },
        {"a\\",                           "a\\=a\\|"                                },
        {"(unclosed ann@b",               ""                                        },
        {"\"unclosed ann@b",              "unclosed ann@b=\"unclosed ann@b|"        },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct header_addr_list list;
        struct buf *found = buf_make(arena, 1000);

        header_addrs_parse(arena, str_c(cases[i].value), 100, &list);
        for (size_t a = 0; a < list.len; a++)
            buf_putf(found, "%s=%.*s|", list.items[a].address, (int)list.items[a].len,
                     cases[i].value + list.items[a].start);
        if (strcmp(buf_text(found), cases[i].expected) != 0)
            fail_msg("%s: %s", cases[i].value, buf_text(found));
    }
}

static void no_more_addresses_than_asked_for(void **state)
{
    struct header_addr_list list;

    (void)state;
    header_addrs_parse(arena, STR_LIT("a, b, <c>, d"), 2, &list);
    assert_int_equal(list.len, 2);
    assert_string_equal(list.items[1].address, "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quoting_goes_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(accepts_rfc5321_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(finds_the_addresses_of_a_header, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_addresses_than_asked_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
