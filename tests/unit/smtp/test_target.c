// test_target: texts of next hops.
#include "smtp/target.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char known[] = "lmtp=24, smtp=25, smtps=submissions=465, submission=587";

static const struct {
    const char *text;
    bool lmtp, valid;
    enum target_kind kind;
    const char *host;
    unsigned port;
} cases[] = {
    {"a.example",                 false, true,  TARGET_DOMAIN,  "a.example",             25  },
    {"a.example:587",             false, true,  TARGET_DOMAIN,  "a.example",             587 },
    {"a.example:submission",      false, true,  TARGET_DOMAIN,  "a.example",             587 },
    {"a.example:submissions",     false, true,  TARGET_DOMAIN,  "a.example",             465 },
    {"[a.example]",               false, true,  TARGET_HOST,    "a.example",             25  },
    {"[a.example]:2525",          false, true,  TARGET_HOST,    "a.example",             2525},
    {"[127.0.0.1]:2525",          false, true,  TARGET_ADDRESS, "127.0.0.1",             2525},
    {"[::1]:2525",                false, true,  TARGET_ADDRESS, "::1",                   2525},
    {"[ipv6:::1]",                false, true,  TARGET_ADDRESS, "::1",                   25  },
    {"[IPv6:2001:db8::1]:26",     false, true,  TARGET_ADDRESS, "2001:db8::1",           26  },
    {"a.example",                 true,  true,  TARGET_HOST,    "a.example",             25  },
    {"inet:a.example:24",         true,  true,  TARGET_HOST,    "a.example",             24  },
    {"inet:[127.0.0.1]:lmtp",     true,  true,  TARGET_ADDRESS, "127.0.0.1",             24  },
    {"unix:private/lmtp",         true,  true,  TARGET_UNIX,    "private/lmtp",          0   },
    {"b\xc3\xbc"
     "cher.example",         false, true,  TARGET_DOMAIN,  "xn--bcher-kva.example", 25  },
    {"",                          false, false, 0,              NULL,                    0   },
    {"unix:",                     true,  false, 0,              NULL,                    0   },
    {"inet:",                     true,  false, 0,              NULL,                    0   },
    {"[a.example",                false, false, 0,              NULL,                    0   },
    {"[a.example]x",              false, false, 0,              NULL,                    0   },
    {"a.example:",                false, false, 0,              NULL,                    0   },
    {"a.example:0",               false, false, 0,              NULL,                    0   },
    {"a.example:65536",           false, false, 0,              NULL,                    0   },
    {"a.example:no-such-service", false, false, 0,              NULL,                    0   },
    {"[]",                        false, false, 0,              NULL,                    0   },
    {":25",                       false, false, 0,              NULL,                    0   },
};

static void texts_become_targets(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct target t = {0};
        struct error err;
        bool valid =
            target_parse(arena, cases[i].text, cases[i].lmtp, "smtp", known, &t, &err);

        if (valid != cases[i].valid)
            fail_msg("%s: valid %d", cases[i].text, valid);
        if (!valid)
            continue;
        if (t.kind != cases[i].kind || strcmp(t.host, cases[i].host) != 0 ||
            t.port != cases[i].port)
            fail_msg("%s: kind %d host %s port %u", cases[i].text, (int)t.kind, t.host,
                     t.port);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts_become_targets)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
