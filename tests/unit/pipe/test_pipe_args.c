// test_pipe_args: master.cf arguments of pipe(8) and the macros in its command.
#include "pipe/pipe_args.h"
#include "pipe/pipe_macros.h"
#include "unit.h"

static bool parse(struct arena *arena, const char *const *words, struct pipe_args *args,
                  struct error *err)
{
    struct text_list list = {0};

    for (; *words != NULL; words++)
        text_list_add(arena, &list, *words);
    return pipe_args_parse(arena, &list, args, err);
}

static void reads_arguments(void **state)
{
    struct arena *arena = arena_new();
    const char *words[] = {"flags=DRhu",
                           "user=list:mail",
                           "eol=\\r\\n",
                           "size=1000",
                           "null_sender=",
                           "directory=/tmp",
                           "argv=/bin/cat",
                           "-n",
                           "{a b}",
                           "x=y",
                           NULL};
    struct pipe_args args;
    struct error err;

    (void)state;
    assert_true(parse(arena, words, &args, &err));
    assert_int_equal(args.flags, PIPE_DELIVERED_TO | PIPE_RETURN_PATH | PIPE_FOLD_DOMAIN |
                                     PIPE_FOLD_USER);
    check_text("user", args.user, "list");
    check_text("group", args.group, "mail");
    check_case("eol", str_is(args.eol, "\r\n"));
    assert_int_equal(args.size_limit, 1000);
    check_text("null_sender", args.null_sender, "");
    assert_int_equal(args.argv.len, 4);
    check_text("braces", args.argv.items[2], "a b");
    check_text("rest", args.argv.items[3], "x=y");
    check_case("escapes", str_is(pipe_unescape(arena, "a\\101\\t\\\\\\0401"), "aA\t\\ 1"));
    arena_free(arena);
}

static const struct {
    const char *words[4], *text;
} mistakes[] = {
    {{"flags=Z", "user=a", "argv=b"}, "unknown flag: Z (ignored)"           },
    {{"argv=/bin/cat"},               "missing user= command-line attribute"},
    {{"user=a"},                      "missing argv= command-line attribute"},
    {{"foo=1", "user=a", "argv=b"},   "unknown attribute name: foo"         },
    {{"size=x", "user=a", "argv=b"},  "bad size=x"                          },
};

static void names_mistakes(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(mistakes); i++) {
        struct pipe_args args;
        struct error err;

        check_case(mistakes[i].text, !parse(arena, mistakes[i].words, &args, &err));
        check_text(mistakes[i].text, err.text, mistakes[i].text);
    }
    arena_free(arena);
}

static const struct delivery_rcpt rcpts[] = {
    {.address = "User+Ext@Dom.Example", .orig = "Orig@Dom.Example"},
    {.address = "a b@Dom.Example",      .orig = ""                },
};
static const struct delivery_request request = {
    .queue_id = "ABC123",
    .nexthop = "Next.Hop",
    .sender = "s x@y.example",
    .client_address = "192.0.2.1",
    .data_size = 4711,
    .rcpts = rcpts,
    .rcpts_len = 2,
};

static const struct {
    const char *flags, *word, *want; // the words, joined by '|'
} macros[] = {
    {"flags=",   "plain",                "plain"                                   },
    {"flags=",   "${recipient}",         "User+Ext@Dom.Example|a b@Dom.Example"    },
    {"flags=hu", "$recipient",           "user+ext@dom.example|a b@dom.example"    },
    {"flags=q",  "${recipient}",         "User+Ext@Dom.Example|\"a b\"@Dom.Example"},
    {"flags=",   "-r${user}",            "-rUser|-ra b"                            },
    {"flags=u",  "${extension}",         "ext"                                     },
    {"flags=",   "${mailbox}",           "User+Ext|a b"                            },
    {"flags=",   "$original_recipient",  "Orig@Dom.Example|a b@Dom.Example"        },
    {"flags=h",  "${domain}/${nexthop}", "dom.example/next.hop|dom.example/next.hop"},
    {"flags=",   "$(size)-$queue_id-$$", "4711-ABC123-$"                           },
    {"flags=",   "${sender}",            "s x@y.example"                           },
    {"flags=q",  "${sender}",            "\"s x\"@y.example"                       },
    {"flags=",   "${client_address}",    "192.0.2.1"                               },
    {"flags=",   "${nosuch}",            NULL                                      },
};

static void expands_macros(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(macros); i++) {
        struct arena *arena = arena_new();
        char *argv_word = arena_printf(arena, "argv=%s", macros[i].word);
        const char *words[] = {macros[i].flags, "user=a", argv_word, NULL};
        const char *const *argv;
        const char *joined = "";
        struct pipe_args args;
        struct error err;

        assert_true(parse(arena, words, &args, &err));
        bool good = pipe_argv_expand(arena, &args, &request, "+", &argv, &err);
        check_case(macros[i].word, good == (macros[i].want != NULL));
        if (good) {
            for (size_t k = 0; argv[k] != NULL; k++)
                joined = arena_printf(arena, "%s%s%s", joined, k > 0 ? "|" : "", argv[k]);
            check_text(macros[i].word, joined, macros[i].want);
        } else {
            check_text("error", err.text, "unknown macro name: \"nosuch\"");
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_arguments),
        cmocka_unit_test(names_mistakes),
        cmocka_unit_test(expands_macros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
