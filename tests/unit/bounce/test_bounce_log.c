// test_bounce_log: logs are written as Postfix writes them and read back, old ones too.
#include "bounce/bounce_log.h"
#include "unit.h"
#include "util/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_bounce_log.XXXXXX";
static const struct queue_dir queue = {"", 0, false};

static const struct bounce_rcpt full = {.address = "ann@b.example",
                                        .orig = "a@b.example",
                                        .dsn_orcpt = "rfc822;a@b.example",
                                        .dsn_notify = 12,
                                        .offset = 680,
                                        .status = "4.7.0",
                                        .action = "delayed",
                                        .reason = "try\tlater\n\xc3\xa4",
                                        .diag_type = "smtp",
                                        .diag_text = "450 4.7.0 try later",
                                        .mta_type = "dns",
                                        .mta_name = "mx.b.example",
                                        .relay = "none"};
static const struct bounce_rcpt bare = {.address = "",
                                        .orig = "",
                                        .dsn_orcpt = "",
                                        .status = "5.0.0",
                                        .action = "failed",
                                        .reason = "no",
                                        .diag_type = "",
                                        .diag_text = "",
                                        .mta_type = "",
                                        .mta_name = "",
                                        .relay = ""};

static void the_text_is_postfixs(void **state)
{
    struct arena *arena = arena_new();
    struct error err;
    struct str text;

    (void)state;
    assert_true(bounce_log_append(&queue, "defer", "ABC", &full, 1, true, false, &err));
    assert_true(bounce_log_append(&queue, "defer", "ABC", &bare, 1, false, true, &err));
    assert_true(file_read_all(arena, "defer/ABC", 10000, &text, &err));
    assert_true(str_is(text, "\n<ann@b.example>: try later \xc3\xa4\n"
                             "recipient=ann@b.example\n"
                             "original_recipient=a@b.example\n"
                             "offset=680\n"
                             "dsn_orig_rcpt=rfc822;a@b.example\n"
                             "notify_flags=12\n"
                             "status=4.7.0\n"
                             "action=delayed\n"
                             "diag_type=smtp\n"
                             "diag_text=450 4.7.0 try later\n"
                             "mta_type=dns\n"
                             "mta_mname=mx.b.example\n"
                             "reason=try later \xc3\xa4\n"
                             "\n"
                             "\n"
                             "recipient=<>\n"
                             "status=5.0.0\n"
                             "action=failed\n"
                             "reason=no\n"
                             "\n"));

    struct bounce_log log;
    assert_true(bounce_log_read(&queue, "defer", "ABC", arena, &log, &err));
    assert_int_equal(log.len, 2);
    assert_string_equal(log.rcpts[0].address, full.address);
    assert_string_equal(log.rcpts[0].orig, full.orig);
    assert_string_equal(log.rcpts[0].diag_text, full.diag_text);
    assert_string_equal(log.rcpts[0].mta_name, full.mta_name);
    assert_string_equal(log.rcpts[0].reason, "try later \xc3\xa4");
    assert_int_equal(log.rcpts[0].offset, 680);
    assert_int_equal(log.rcpts[0].dsn_notify, 12);
    assert_string_equal(log.rcpts[1].address, "");
    assert_string_equal(log.rcpts[1].diag_type, "");
    unlink("defer/ABC");
    assert_true(bounce_log_read(&queue, "defer", "ABC", arena, &log, &err));
    assert_int_equal(log.len, 0);
    arena_free(arena);
}

static void odd_logs_are_read_as_far_as_possible(void **state)
{
    static const struct {
        const char *why, *text;
        size_t len;
        const char *address, *reason;
    } cases[] = {
        {"empty",                     "",                                             0, NULL,    NULL },
        {"old form",                  "\n<ann@b>: unknown user: \"x\"\n\n",           1, "ann@b",
         "unknown user: \"x\""                                                                         },
        {"old form, quoted",          "<\"a b\"@c>: no\n",                            1, "a b@c", "no" },
        {"no closing line",           "\nrecipient=ann\nreason=x",                    1, "ann",   "x"  },
        {"unknown names",             "\nrecipient=ann\nsomething=new\nreason=x\n\n", 1, "ann",   "x"  },
        {"junk",                      "hello\nworld\n\n<unclosed\n",                  0, NULL,    NULL },
        {"equals sign in the reason", "recipient=ann\nreason=a=b\n",                  1, "ann",   "a=b"},
        {"bad number",                "recipient=ann\noffset=-5\nnotify_flags=x\n",   1, "ann",   ""   },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new();
        struct bounce_log log;

        bounce_log_parse(arena, str_c(cases[i].text), &log);
        check_case(cases[i].why, log.len == cases[i].len);
        if (log.len > 0) {
            check_case(cases[i].why, strcmp(log.rcpts[0].address, cases[i].address) == 0);
            check_case(cases[i].why, strcmp(log.rcpts[0].reason, cases[i].reason) == 0);
            check_case(cases[i].why, log.rcpts[0].offset == 0);
        }
        arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_postfixs),
        cmocka_unit_test(odd_logs_are_read_as_far_as_possible),
    };
    if (mkdtemp(dir) == NULL || chdir(dir) < 0 || mkdir("defer", 0700) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir("defer");
    rmdir(dir);
    return failed;
}
