// test_dns_packet: answers of name servers, good and hostile.
#include "dns/dns_packet.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

// Header: id, QR|RD|RA, one question, `an` answers. Question: mx.example (offset 12).
#define HEADER(flags, an) "\x12\x34\x81" flags "\x00\x01\x00" an "\x00\x00\x00\x00"
#define QUESTION(type)                                                                     \
    "\x02mx\x07"                                                                           \
    "example\x00\x00" type "\x00\x01"
// A record about the name at offset 12.
#define RECORD(type, len) "\xc0\x0c\x00" type "\x00\x01\x00\x00\x00\x3c\x00" len

#define PACKET(text)                                                                       \
    {                                                                                      \
        text, sizeof(text) - 1                                                             \
    }

static const struct {
    const char *why;
    struct str packet;
    enum dns_type type;
    enum dns_result result;
    size_t len;
    const char *name, *address, *alias;
} cases[] = {
    {"address",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x01") RECORD("\x01",                                                 "\x04") "\x7f\0\0\x02"),
     DNS_A,                                                                                                                                                                                                                                                                   DNS_FOUND,     1,           NULL,        "127.0.0.2", NULL       },
    {"authenticated address of another name is not ours",
     PACKET(HEADER("\xa0",                                                           "\x01")
                QUESTION("\x01") "\x01"
                                 "a\0\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x02"),
     DNS_A,                                                                                                                                                                                                                                                      DNS_NO_DATA, 0,             NULL,        NULL,        NULL       },
    {"IPv6 address",
     PACKET(HEADER("\x80",                             "\x01") QUESTION("\x1c")
                RECORD("\x1c",                                                                      "\x10") "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
     DNS_AAAA,                                                                                                                                                                                                                                                     DNS_FOUND,             1,        NULL,       "::1",        NULL           },
    {"address of a wrong length",
     PACKET(HEADER("\x80",                   "\x01") QUESTION("\x01") RECORD("\x01",                                                                    "\x03") "\x7f\0\0"),
     DNS_A,                                                                                                                                                                                                                                                    DNS_MALFORMED,             0,        NULL,        NULL,        NULL},
    {"exchange by compressed name",
     PACKET(HEADER("\x80",                   "\x01") QUESTION("\x0f") RECORD("\x0f", "\x06") "\0\x0a\x01"
                                                                           "b\xc0\x0f"),
     DNS_MX,                                                                                                                                                                                                                                                       DNS_FOUND,             1, "b.example",        NULL,        NULL           },
    {"null MX",
     PACKET(HEADER("\x80",                   "\x01") QUESTION("\x0f") RECORD("\x0f",                                                                      "\x03") "\0\0\0"),
     DNS_MX,                                                                                                                                                                                                                                                     DNS_NULL_MX,             0,        NULL,        NULL,        NULL},
    {"null MX beside another is ignored",
     PACKET(HEADER("\x80",                             "\x02") QUESTION("\x0f")
                RECORD("\x0f",                                                                                     "\x03") "\0\0\0" RECORD("\x0f", "\x06") "\0\x0a\x01"
                                                                       "b\xc0\x0f"),
     DNS_MX,                                                                                                                                                                                                                                                                      DNS_FOUND,           1, "b.example",        NULL,            NULL},
    {"exchange that is no host name",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x0f") RECORD("\x0f",                                                 "\x07") "\0\x0a\x02"
                                                                           "b \xc0\x0f"),
     DNS_MX,                                                                                                                                                                                                                                                                  DNS_BAD_NAME,  0,           NULL,        NULL,        NULL},
    {"data behind the exchange",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x0f") RECORD("\x0f",                                                 "\x07") "\0\x0a\x01"
                                                                           "b\xc0\x0f!"),
     DNS_MX,                                                                                                                                                                                                                                                                  DNS_MALFORMED, 0,           NULL,        NULL,        NULL       },
    {"pointer to itself",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x0f")
                RECORD("\x0f",                                                                                                                     "\x04") "\0\x0a\xc0\x2a"),
     DNS_MX,                                                                                                                                                                                                                                                                  DNS_MALFORMED, 0,           NULL,        NULL,        NULL       },
    {"pointer forward",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x0f")
                RECORD("\x0f",                                                                                                                     "\x04") "\0\x0a\xc0\xff"),
     DNS_MX,                                                                                                                                                                                                                                                                  DNS_MALFORMED, 0,           NULL,        NULL,        NULL       },
    {"pointer into the header",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x0f")
                RECORD("\x0f",                                                                                                                     "\x04") "\0\x0a\xc0\x04"),
     DNS_MX,                                                                                                                                                                                                                                                                  DNS_MALFORMED, 0,           NULL,        NULL,        NULL       },
    {"alias with its address",
     PACKET(HEADER("\x80",                                                           "\x02") QUESTION("\x01")
                RECORD("\x05",                                                                                                                     "\x04") "\x01"
                                       "b\xc0\x0f"
                                       "\x01"
                                       "b\xc0\x0f\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x03"),
     DNS_A,                                                                                                                                                                                                                                                                   DNS_FOUND,     1,           NULL,        "127.0.0.3", NULL       },
    {"alias without its address",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x01") RECORD("\x05",                                                 "\x04") "\x01"
                                                                           "b\xc0\x0f"),
     DNS_A,                                                                                                                                                                                                                                                                   DNS_NO_DATA,   0,           NULL,        NULL,        "b.example"       },
    {"alias of itself",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x01") RECORD("\x05",                                                 "\x02") "\xc0\x0c"),
     DNS_A,                                                                                                                                                                                                                                                                   DNS_MALFORMED, 0,           NULL,        NULL,        NULL},
    {"text of two strings",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x10") RECORD("\x10",                                                 "\x05") "\x02"
                                                                           "ab\x01"
                                                                           "c"),
     DNS_TXT,                                                                                                                                                                                                                                                                 DNS_FOUND,     1,           "abc",       NULL,        NULL       },
    {"text string longer than the data",
     PACKET(HEADER("\x80",                                                           "\x01") QUESTION("\x10") RECORD("\x10",                                                 "\x02") "\x02"
                                                                           "a"),
     DNS_TXT,                                                                                                                                                                                                                                                                 DNS_MALFORMED, 0,           NULL,        NULL,        NULL       },
    {"no such name",                                      PACKET(HEADER("\x83",      "\x00") QUESTION("\x01")),                                                              DNS_A,                                                                              DNS_NO_HOST, 0,
     NULL,                                                                                                                                                                                                                                                                                                NULL,        NULL       },
    {"no records",                               PACKET(HEADER("\x80", "\x00") QUESTION("\x01")),                                                                                  DNS_A,                                                                        DNS_NO_DATA,           0,
     NULL,                                                                                                                                                                                                                                                                                          NULL,        NULL           },
    {"more records promised than there are",
     PACKET(HEADER("\x80",               "\x02") QUESTION("\x01") RECORD("\x01",                                                                                                                                                                  "\x04") "\x7f\0\0\x02"),
     DNS_A,                                                                                                                                                                                                                                                 DNS_MALFORMED,          0,        NULL,        NULL,            NULL       },
};

static void check_case(const char *why, bool holds)
{
    if (!holds)
        fail_msg("case: %s", why);
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void answers_are_told_apart(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dns_answer answer = {0};
        const char *alias = NULL;
        enum dns_result result = dns_packet_parse(arena, cases[i].packet, "mx.example",
                                                  cases[i].type, &answer, &alias);

        check_case(cases[i].why, result == cases[i].result);
        check_case(cases[i].why, answer.len == cases[i].len);
        check_case(cases[i].why, same(alias, cases[i].alias));
        if (answer.len > 0) {
            check_case(cases[i].why, same(answer.records[0].name, cases[i].name));
            check_case(cases[i].why, same(answer.records[0].address, cases[i].address));
        }
        arena_reset(arena);
    }
    arena_free(arena);
}

// Every packet cut by any number of bytes is refused, never read beyond its end (under a
// sanitizer a copy of exactly that size shows it) and never taken for a complete answer.
static void cut_answers_are_refused(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str packet = cases[i].packet;

        for (size_t cut = 1; cut <= packet.len; cut++) {
            struct dns_answer answer = {0};
            const char *alias;
            char *copy = mem_alloc(packet.len - cut + 1);

            memcpy(copy, packet.ptr, packet.len - cut);
            copy = mem_realloc(copy, packet.len - cut + (packet.len == cut));
            enum dns_result result =
                dns_packet_parse(arena, str_n(copy, packet.len - cut), "mx.example",
                                 cases[i].type, &answer, &alias);
            check_case(cases[i].why, result == DNS_MALFORMED);
            free(copy);
            arena_reset(arena);
        }
    }
    arena_free(arena);
}

static const struct {
    const char *name;
    bool valid;
} names[] = {
    {"a.example",                                                                true },
    {"a",                                                                        true },
    {"3com.example",                                                             true },
    {"_dmarc.a.example",                                                         true },
    {"",                                                                         false},
    {".",                                                                        false},
    {"a..b",                                                                     false},
    {".a",                                                                       false},
    {"a.",                                                                       false},
    {"-a.example",                                                               false},
    {"a-.example",                                                               false},
    {"a.example-",                                                               false},
    {"127.0.0.1",                                                                false},
    {"a b",                                                                      false},
    {"a_b",                                                                      true },
    {"a/b",                                                                      false},
    {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl.example", false},
};

static void host_names_follow_rfc_1123(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        check_case(names[i].name,
                   host_name_is_valid(str_c(names[i].name)) == names[i].valid);
    assert_true(host_ipv4_is_valid(STR_LIT("127.0.0.1")));
    assert_false(host_ipv4_is_valid(STR_LIT("127.0.1")));
    assert_false(host_ipv4_is_valid(STR_LIT("")));
    assert_true(host_ipv6_is_valid(STR_LIT("::1")));
    assert_false(host_ipv6_is_valid(STR_LIT("::1::")));
    assert_false(dns_set_server("127.0.0.1:99999"));
    assert_false(dns_set_server("name:53"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_apart),
        cmocka_unit_test(cut_answers_are_refused),
        cmocka_unit_test(host_names_follow_rfc_1123),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
