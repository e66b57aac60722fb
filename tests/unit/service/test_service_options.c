// test_service_options: the command line that every daemon understands.
#include "service/service_options.h"
#include "unit.h"

enum { ARGS_MAX = 12 };

static bool parse(struct arena *arena, const char *const *args, struct service_options *opt)
{
    char *argv[ARGS_MAX + 1] = {NULL};
    int argc = 0;

    for (; args[argc] != NULL; argc++)
        argv[argc] = arena_strdup(arena, args[argc]);
    return service_options_parse(arena, argc, argv, "program", opt, NULL);
}

static void reads_what_master_gives(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct service_options opt;
    const char *args[] = {"smtpd", "-n", "smtp",    "-t", "inet", "-u",
                          "-c",    "-o", "stress=", "-s", "2",    NULL};

    check_case("parses", parse(arena, args, &opt));
    check_text("name", opt.name, "smtp");
    check_text("transport", opt.transport, "inet");
    check_case("flags", opt.unprivileged && opt.chroot && !opt.single && !opt.unlimited);
    check_case("sockets", opt.sockets == 2);
    check_case("one override", opt.overrides.len == 1);
    check_text("override", opt.overrides.items[0], "stress=");
    check_case("unset limits", opt.max_idle == -1 && opt.max_use == -1);
    arena_free(arena);
}

static const struct {
    const char *why;
    const char *args[6];
    const char *want; // of the first override, NULL: refused
} overrides[] = {
    {"plain",           {"p", "-o", "a=b"},            "a=b"  },
    {"blanks in value", {"p", "-o", "a=b c"},          "a=b c"},
    {"braces",          {"p", "-o", "{ a = b c }"},    "a=b c"},
    {"spaced",          {"p", "-o", "a = b"},          "a=b"  },
    {"empty value",     {"p", "-o", "a="},             "a="   },
    {"no equals",       {"p", "-o", "a"},              NULL   },
    {"no name",         {"p", "-o", "=b"},             NULL   },
    {"brace open",      {"p", "-o", "{ a = b"},        NULL   },
    {"unknown letter",  {"p", "-Q", "-o", "a=b"},      NULL   },
    {"bad number",      {"p", "-m", "x", "-o", "a=b"}, NULL   },
    {"negative number", {"p", "-i", "-5"},             NULL   },
};

static void reads_overrides(void **state)
{
    (void)state;
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT(overrides); i++) {
        struct service_options opt;
        bool ok = parse(arena, overrides[i].args, &opt);

        check_case(overrides[i].why, ok == (overrides[i].want != NULL));
        if (ok)
            check_text(overrides[i].why, opt.overrides.items[0], overrides[i].want);
    }
    arena_free(arena);
}

static void leaves_arguments_alone(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct service_options opt;
    const char *args[] = {"pipe",     "-o", "a=b",  "flags=F", "user=x",
                          "argv=cmd", "-o", "${x}", NULL};

    check_case("parses", parse(arena, args, &opt));
    check_case("all of them", opt.args.len == 5);
    check_text("first", opt.args.items[0], "flags=F");
    check_text("an option of the command", opt.args.items[3], "-o");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_master_gives),
        cmocka_unit_test(reads_overrides),
        cmocka_unit_test(leaves_arguments_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
