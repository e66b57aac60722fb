// test_reply: server replies: codes, several lines, enhanced codes.
#include "smtp/reply.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
    const char *why, *lines; // separated by LF
    int code;
    const char *dsn, *text;
} cases[] = {
    {"plain",                   "250 ok",                   250, "2.0.0",   "250 ok"                 },
    {"enhanced",                "550 5.1.1 no such user",   550, "5.1.1",   "550 5.1.1 no such user" },
    {"class of another code",   "450 5.1.1 odd",            450, "4.0.0",   "450 5.1.1 odd"          },
    {"no text",                 "250",                      250, "2.0.0",   "250"                    },
    {"several lines",           "550-5.7.1 a\n550 5.7.1 b", 550, "5.7.1",   "550-5.7.1 a 550 5.7.1 b"},
    {"three digits in a code",  "554 5.7.606 blocked",      554, "5.7.606",
     "554 5.7.606 blocked"                                                                           },
    {"four digits are no code", "554 5.7.6066 blocked",     554, "5.0.0",
     "554 5.7.6066 blocked"                                                                          },
    {"code only",               "554 5.7.1",                554, "5.7.1",   "554 5.7.1"              },
    {"no SMTP",                 "hello",                    0,   "0.0.0",   "hello"                  },
    {"empty",                   "",                         0,   "0.0.0",   ""                       },
    {"two digits",              "25 ok",                    0,   "0.0.0",   "25 ok"                  },
    {"four digits",             "2500 ok",                  0,   "0.0.0",   "2500 ok"                },
    {"garbage in between",      "250-a\nb\n250 c",          250, "2.0.0",   "250-a b 250 c"          },
    {"control bytes",           "250 a\033[1mb",            250, "2.0.0",   "250 a?[1mb"             },
};

static void replies_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf *text = buf_new(REPLY_TEXT_MAX);
        struct str rest = str_c(cases[i].lines), line;
        struct smtp_reply reply;
        int code = 0;

        while (str_split(&rest, '\n', &line))
            if (reply_add_line(text, line, ' ', &code))
                break;
        reply_finish(buf_text(text), line, code, &reply);
        if (reply.code != cases[i].code || strcmp(reply.dsn, cases[i].dsn) != 0 ||
            strcmp(reply.text, cases[i].text) != 0)
            fail_msg("%s: %d %s %s", cases[i].why, reply.code, reply.dsn, reply.text);
        buf_free(text);
    }
}

static void endless_reply_is_bounded(void **state)
{
    struct buf *text = buf_new(REPLY_TEXT_MAX);
    int code;

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_false(
            reply_add_line(text, STR_LIT("250-more and more and more"), ' ', &code));
    assert_true(reply_add_line(text, STR_LIT("250 end"), ' ', &code));
    assert_int_equal(code, 250);
    assert_true(buf_len(text) <= REPLY_TEXT_MAX);
    buf_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_read),
        cmocka_unit_test(endless_reply_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
