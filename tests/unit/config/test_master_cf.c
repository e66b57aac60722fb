// test_master_cf: master.cf entries and the lines that are refused.
#include "config/master_cf.h"
#include "unit.h"

static void reads_all_forms(void **state)
{
    static const char text[] =
        "# services\n"
        "smtp      inet  n       -       y       -       -       smtpd\n"
        "  -o name=value -o { other = a b }\n"
        "pickup    unix  n       -       n       60?     1       pickup\n"
        "pipe unix - n n - 0 pipe flags=D user=x argv={a b} c\n";
    struct arena *arena = arena_new();
    struct master_cf cf;
    struct error err;

    (void)state;
    assert_true(master_cf_parse(arena, "master.cf", STR_LIT(text), false, &cf, &err));
    assert_int_equal(cf.len, 3);
    const struct master_entry *e = &cf.entries[0];
    assert_int_equal(e->type, MASTER_INET);
    assert_false(e->is_private);
    assert_true(e->is_unprivileged);
    assert_true(e->is_chrooted);
    assert_int_equal(e->process_limit, -1);
    assert_int_equal(e->args.len, 4);
    assert_string_equal(e->args.items[1], "name=value");
    assert_string_equal(e->args.items[3], "other=a b");
    e = &cf.entries[1];
    assert_int_equal(e->wakeup, 60);
    assert_true(e->wakeup_lazy);
    assert_int_equal(e->process_limit, 1);
    assert_int_equal(e->line, 4);
    assert_false(cf.entries[2].is_unprivileged);
    arena_free(arena);
}

static const struct {
    const char *why, *in;
} bad_lines[] = {
    {"too few fields",     "smtp inet n - n\n"                    },
    {"unknown type",       "smtp tcp n - n - - smtpd\n"           },
    {"bad flag",           "smtp inet n - yes - - smtpd\n"        },
    {"bad wakeup",         "smtp inet n - n soon - smtpd\n"       },
    {"bad limit",          "smtp inet n - n - -5 smtpd\n"         },
    {"private inet",       "smtp inet y - n - - smtpd\n"          },
    {"path as command",    "smtp inet n - n - - ../smtpd\n"       },
    {"path as name",       "../x unix - - n - - smtpd\n"          },
    {"-o without value",   "smtp inet n - n - - smtpd -o name\n"  },
    {"open brace",         "smtp inet n - n - - smtpd -o {a = b\n"},
    {"continuation first", "  -o a=b\n"                           },
};

static void refuses_malformed_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_lines); i++) {
        struct arena *arena = arena_new();
        struct master_cf cf;
        struct error err = {0};

        check_case(
            bad_lines[i].why,
            !master_cf_parse(arena, "master.cf", str_c(bad_lines[i].in), false, &cf, &err));
        check_case(bad_lines[i].why, strncmp(err.text, "master.cf: line 1: ", 19) == 0);
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_forms),
        cmocka_unit_test(refuses_malformed_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
