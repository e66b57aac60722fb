// test_log_delivery: the delivery status line, to the byte.
#include "unit.h"
#include "mail/log_delivery.h"
#include "util/log.h"
#include <stdio.h>
#include <string.h>

static char logged[1000];

static void hook(enum log_level level, const char *tag, const char *text)
{
    (void)level;
    (void)tag;
    snprintf(logged, sizeof(logged), "%s", text);
}

static void delays_have_two_significant_digits(void **state)
{
    static const struct {
        double seconds;
        long limit;
        const char *text;
    } cases[] = {
        {0,      2, "0"     },
        {0.0012, 2, "0"     },
        {0.0012, 6, "0.0012"},
        {0.014,  2, "0.01"  },
        {0.05,   2, "0.05"  },
        {0.5,    2, "0.5"   },
        {1.26,   2, "1.3"   },
        {2.0,    2, "2"     },
        {12.4,   2, "12"    },
        {123.4,  2, "123"   },
        {100000, 2, "100000"},
        {-3,     2, "0"     },
        {1.26,   0, "1"     },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[32];

        log_format_delay(text, cases[i].seconds, cases[i].limit);
        check_case(cases[i].text, strcmp(text, cases[i].text) == 0);
    }
}

static void the_line_is_postfixs(void **state)
{
    struct mail_config cfg = {.info_log_address_format = "external",
                              .delay_logging_resolution_limit = 2};
    struct delivery_request req = {.queue_id = "ABC",
                                   .arrival_sec = 100,
                                   .active_sec = 101,
                                   .active_usec = 500000,
                                   .agent_sec = 101,
                                   .agent_usec = 520000};
    struct delivery_times times = {
        .conn_setup_done = {103, 520000},
          .end = {103, 530000}
    };
    struct delivery_rcpt rcpt = {.address = "a b@c", .orig = "A B@C", .dsn_orcpt = ""};

    (void)state;
    log_delivery(&cfg, &req, &rcpt, "h[192.0.2.1]:25", 2, &times, "2.0.0", "sent",
                 "250 ok\n");
    assert_string_equal(logged, "ABC: to=<\"a b\"@c>, relay=h[192.0.2.1]:25, conn_use=2, "
                                "delay=3.5, delays=1.5/0.02/2/0.01, dsn=2.0.0, "
                                "status=sent (250 ok )");
    rcpt.orig = "x@y";
    times.conn_setup_done.sec = 0;
    log_delivery(&cfg, &req, &rcpt, NULL, 1, &times, "4.4.1", "deferred", "no");
    assert_string_equal(logged,
                        "ABC: to=<\"a b\"@c>, orig_to=<x@y>, relay=none, delay=3.5, "
                        "delays=1.5/0.02/0/2, dsn=4.4.1, status=deferred (no)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_have_two_significant_digits),
        cmocka_unit_test(the_line_is_postfixs),
    };
    log_set_hook(hook);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
