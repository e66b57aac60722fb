// test_alias_value: right-hand sides of aliases, and .forward and :include: files.
#include "mail/alias_value.h"
#include "unit.h"
#include <stdlib.h>

// Targets as "KIND:text" joined by '|'; kinds A address, M mailbox, C command, F file, I
// include.
static const char *show(struct arena *arena, const struct alias_targets *list)
{
    const char *text = "";

    for (size_t i = 0; i < list->len; i++)
        text = arena_printf(arena, "%s%s%c:%s", text, i > 0 ? "," : "",
                            "AMCFI"[list->items[i].kind], list -> items[i].text);
    return text;
}

static const struct {
    const char *why, *value, *want; // NULL: refused
} values[] = {
    {"one name",               "ann",                       "A:ann"                    },
    {"list",                   "ann, bob@x.example ,,c",    "A:ann,A:bob@x.example,A:c"},
    {"white space separates",  "ann bob",                   "A:ann,A:bob"              },
    {"command with blanks",    "\"|/bin/cat -n \"",         "C:/bin/cat -n"            },
    {"bare command",           "|cat",                      "C:cat"                    },
    {"quote inside a command", "\"|echo \\\"a b\\\"\"",     "C:echo \"a b\""           },
    {"command with comma",     "\"|a,b\", c",               "C:a,b,A:c"                },
    {"file",                   "/var/mail/x",               "F:/var/mail/x"            },
    {"quoted file",            "\"/tmp/a b\"",              "F:/tmp/a b"               },
    {"home file",              "~/mbox",                    "F:~/mbox"                 },
    {"include",                ":include:/etc/list",        "I:/etc/list"              },
    {"quoted include",         "\":include:/etc/my list\"", "I:/etc/my list"           },
    {"mailbox",                "\\ann",                     "M:ann"                    },
    {"mailbox and more",       "\\ann, bob",                "M:ann,A:bob"              },
    {"comment",                "ann (she, too) , bob",      "A:ann,A:bob"              },
    {"display name",           "Ann B <ann@x.example>, c",  "A:ann@x.example,A:c"      },
    {"earlier words stay",     "z, Ann <ann@x.example>",    "A:z,A:ann@x.example"      },
    {"quoted local part",      "\"a b\"@x.example",         "A:a b@x.example"          },
    {"blanks around the at",   "ann @ x.example",           "A:ann@x.example"          },
    {"no comment inside",      "tbob, q  # comment",        "A:tbob,A:q,A:#,A:comment" },
    {"empty",                  " , ",                       ""                         },
    {"quote left open",        "\"|cat",                    NULL                       },
    {"comment left open",      "ann (x",                    NULL                       },
    {"bracket left open",      "Ann <ann@x",                NULL                       },
    {"backslash at the end",   "ann\\",                     "A:ann\\"                  },
    {"too many",               "a b c d e f g h i",         NULL                       },
};

static void reads_values(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct alias_targets list = {0};
        struct error err = {0};
        bool good = alias_value_parse(arena, str_c(values[i].value), 8, &list, &err);

        check_case(values[i].why, good == (values[i].want != NULL));
        if (good)
            check_text(values[i].why, show(arena, &list), values[i].want);
    }
    arena_free(arena);
}

static void reads_files(void **state)
{
    struct arena *arena = arena_new();
    struct alias_targets list = {0};
    struct error err = {0};

    (void)state;
    assert_true(alias_file_parse(arena, str_c("# list\n\n  ann\nbob, \"|cat\"\n #x\n\\eve"),
                                 100, &list, &err));
    check_text("file", show(arena, &list), "A:ann,A:bob,C:cat,M:eve");
    list = (struct alias_targets){0};
    assert_false(alias_file_parse(arena, str_c("ann\n\"bob\nc"), 100, &list, &err));
    check_text("where", err.text, "line 2: quoted text without end");
    assert_false(alias_value_parse(arena, str_n("ann\0bob", 7), 100, &list, &err));
    list.len = 1;
    check_text("what came before stays", show(arena, &list), "A:ann");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values),
        cmocka_unit_test(reads_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
