// test_master_inet: which addresses an inet service listens on.
#include "master/master_inet.h"
#include "unit.h"
#include <netdb.h>

#define KNOWN "lmtp=24, smtp=25, smtps=submissions=465, submission=587"

static const struct {
    const char *why, *name, *interfaces, *protocols;
    const char *want; // "HOST:PORT" of each, NULL: an error
    bool is_public;
} cases[] = {
    {"named port",        "smtp",           "all",                  "ipv4",       "0.0.0.0:25",                true },
    {"number",            "10025",          "all",                  "ipv4",       "0.0.0.0:10025",             true },
    {"second name",       "submissions",    "all",                  "ipv4",       "0.0.0.0:465",               true },
    {"first of two",      "smtps",          "all",                  "ipv4",       "0.0.0.0:465",               true },
    {"both protocols",    "smtp",           "all",                  "all",        "0.0.0.0:25 :::25",          true },
    {"both by name",      "smtp",           "all",                  "ipv6, ipv4", "0.0.0.0:25 :::25",          true },
    {"loopback",          "smtp",           "loopback-only",        "all",        "127.0.0.1:25 ::1:25",       false},
    {"literals",          "smtp",           "127.0.0.1, 192.0.2.1", "all",        "127.0.0.1:25 192.0.2.1:25", true },
    {"IPv6 literal",      "smtp",           "[::1] 127.0.0.1",      "all",        "::1:25 127.0.0.1:25",       false},
    {"protocol excluded", "smtp",           "127.0.0.1 ::1",        "ipv4",       "127.0.0.1:25",              false},
    {"nothing left",      "smtp",           "::1",                  "ipv4",       "",                          false},
    {"twice the same",    "smtp",           "127.0.0.1 127.0.0.1",  "ipv4",       "127.0.0.1:25",              false},
    {"own host",          "127.0.0.2:1025", "all",                  "all",        "127.0.0.2:1025",            false},
    {"own IPv6 host",     "[::1]:smtp",     "all",                  "all",        "::1:25",                    false},
    {"unknown port",      "nosuchport",     "all",                  "ipv4",       NULL,                        false},
    {"port 0",            "0",              "all",                  "ipv4",       NULL,                        false},
    {"port too large",    "65536",          "all",                  "ipv4",       NULL,                        false},
    {"no port",           "127.0.0.1:",     "all",                  "ipv4",       NULL,                        false},
    {"bracket open",      "[::1:25",        "all",                  "ipv4",       NULL,                        false},
    {"unknown protocol",  "smtp",           "all",                  "ipx",        NULL,                        false},
    {"bad address",       "smtp",           "300.1.1.1",            "ipv4",       NULL,                        false},
};

static const char *show(struct arena *arena, const struct inet_addrs *addrs)
{
    char *text = arena_strdup(arena, "");

    for (size_t i = 0; i < addrs->len; i++) {
        char host[NI_MAXHOST], port[NI_MAXSERV];
        getnameinfo((const struct sockaddr *)&addrs->items[i].addr, addrs->items[i].len,
                    host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV);
        text = arena_printf(arena, "%s%s%s:%s", text, i == 0 ? "" : " ", host, port);
    }
    return text;
}

static void finds_addresses(void **state)
{
    (void)state;
    const struct master_config cfg = {.known_tcp_ports = KNOWN};
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mail_config mail = {.inet_interfaces = cases[i].interfaces,
                                   .inet_protocols = cases[i].protocols};
        struct inet_addrs addrs;
        struct error err;
        bool ok = inet_addrs_find(arena, &mail, &cfg, cases[i].name, &addrs, &err);

        check_case(cases[i].why, ok == (cases[i].want != NULL));
        if (!ok)
            continue;
        check_text(cases[i].why, show(arena, &addrs), cases[i].want);
        check_case(cases[i].why, inet_addrs_are_public(&addrs) == cases[i].is_public);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_addresses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
