// test_match_list: patterns, negation, files, tables, parents.
#include "table/match_list.h"
#include "table_check.h"

static const struct {
    const char *why, *list;
    enum match_kind kind;
    bool parents;
    const char *name, *address;
    enum match_result result;
} cases[] = {
    {"exact",                    "a.b, c.d",                    MATCH_DOMAIN,  false, "C.D",         NULL,        MATCH_YES   },
    {"no parent",                "c.d",                         MATCH_DOMAIN,  false, "x.c.d",       NULL,        MATCH_NO    },
    {"dot parent",               ".c.d",                        MATCH_DOMAIN,  false, "x.c.d",       NULL,        MATCH_YES   },
    {"dot parent is not itself", ".c.d",                        MATCH_DOMAIN,  false, "c.d",         NULL,        MATCH_NO    },
    {"parent",                   "c.d",                         MATCH_DOMAIN,  true,  "x.c.d",       NULL,        MATCH_YES   },
    {"parent ends at a dot",     "c.d",                         MATCH_DOMAIN,  true,  "xc.d",        NULL,        MATCH_NO    },
    {"negated",                  "!x.c.d, .c.d",                MATCH_DOMAIN,  false, "x.c.d",       NULL,        MATCH_NO    },
    {"table",                    "inline:{c.d=x}",              MATCH_DOMAIN,  false, "c.d",         NULL,        MATCH_YES   },
    {"table parent",             "inline:{c.d=x}",              MATCH_DOMAIN,  true,  "x.c.d",       NULL,        MATCH_YES   },
    {"table dot parent",         "inline:{.c.d=x}",             MATCH_DOMAIN,  false, "x.c.d",       NULL,        MATCH_YES   },
    {"negated table",            "!inline:{c.d=x}, static:all", MATCH_DOMAIN,  false, "c.d",         NULL,
     MATCH_NO                                                                                                                 },
    {"string",                   "a, b",                        MATCH_STRING,  true,  "x.b",         NULL,        MATCH_NO    },
    {"user",                     "static:anyone",               MATCH_USER,    false, "joe",         NULL,        MATCH_YES   },
    {"net",                      "127.0.0.0/8 [::1]/128",       MATCH_ADDRESS, false, NULL,          "127.1.2.3", MATCH_YES   },
    {"net 6",                    "127.0.0.0/8 [::1]/128",       MATCH_ADDRESS, false, NULL,          "::1",       MATCH_YES   },
    {"not in net",               "127.0.0.0/8",                 MATCH_ADDRESS, false, NULL,          "128.0.0.1", MATCH_NO    },
    {"not in net, negated",      "!127.0.0.1, 127.0.0.0/8",     MATCH_ADDRESS, false, NULL,
     "127.0.0.1",                                                                                                 MATCH_NO    },
    {"bad net",                  "10.1.1.1/8",                  MATCH_ADDRESS, false, NULL,          "1.2.3.4",   MATCH_FAILED},
    {"bad net not reached",      "1.2.3.4 10.1.1.1/8",          MATCH_ADDRESS, false, NULL,          "1.2.3.4",
     MATCH_YES                                                                                                                },
    {"address table",            "cidr:{{10.0.0.0/8 x}}",       MATCH_ADDRESS, false, NULL,          "10.2.3.4",
     MATCH_YES                                                                                                                },
    {"name or address: name",    "b.c, 10.0.0.0/8",             MATCH_NAMADR,  true,  "a.b.c",       "1.2.3.4",
     MATCH_YES                                                                                                                },
    {"name or address: address", "b.c, 10.0.0.0/8",             MATCH_NAMADR,  true,  "x",           "10.2.3.4",
     MATCH_YES                                                                                                                },
    {"file",                     "/proc/self/cwd/t",            MATCH_DOMAIN,  false, "two.example", NULL,        MATCH_YES   },
    {"negated file",             "!/proc/self/cwd/t, static:x", MATCH_DOMAIN,  false, "two.example",
     NULL,                                                                                                        MATCH_NO    },
    {"missing file",             "/nonexistent/file",           MATCH_DOMAIN,  false, "x",           NULL,        MATCH_FAILED},
    {"empty",                    "",                            MATCH_DOMAIN,  false, "x",           NULL,        MATCH_NO    },
};

static void lists_match(void **state)
{
    struct error err;

    (void)state;
    write_file("t", "# comment\none.example\n two.example, three.example\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct match_list *list = match_list_open("test_list", cases[i].list, cases[i].kind,
                                                  cases[i].parents, &err);

        check_case(cases[i].why, list != NULL);
        check_case(cases[i].why, match_list_find(list, cases[i].name, cases[i].address,
                                                 &err) == cases[i].result);
        match_list_close(list);
    }
}

static void parents_follow_the_parameter(void **state)
{
    (void)state;
    assert_true(match_parents("debug_peer_list, relay_domains", "relay_domains"));
    assert_false(match_parents("debug_peer_list, !relay_domains", "relay_domains"));
    assert_false(match_parents("", "relay_domains"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_match),
        cmocka_unit_test(parents_follow_the_parameter),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
