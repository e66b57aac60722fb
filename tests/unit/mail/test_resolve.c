// test_resolve: standard form, classes, transports and next hops, as Postfix answers.
#include "unit.h"
#include "mail/resolve.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *arena;
static char dir[] = "/tmp/relais-resolve-XXXXXX";
static char logged[8192];

static void keep_line(enum log_level level, const char *tag, const char *text)
{
    size_t used = strlen(logged);

    (void)tag;
    if (level >= LOG_LEVEL_WARN)
        snprintf(logged + used, sizeof(logged) - used, "%s\n", text);
}

static int setup(void **state)
{
    char path[64];
    FILE *f;

    (void)state;
    arena = arena_new();
    log_open("test", 0, 0);
    log_set_hook(keep_line);
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/main.cf", dir);
    f = fopen(path, "w");
    if (f == NULL)
        return -1;
    fputs("compatibility_level = 3.6\nmyhostname = mx.example.com\nmydomain = example.com\n"
          "mydestination = $myhostname, localhost.$mydomain, localhost\n"
          "inet_interfaces = 127.0.0.1\nappend_dot_mydomain = yes\n",
          f);
    return fclose(f);
}

static int teardown(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/main.cf", dir);
    unlink(path);
    rmdir(dir);
    arena_free(arena);
    return 0;
}

static struct rewriter *open_with(struct config **cfg, const char *const *settings)
{
    struct error err = {0};
    struct rewriter *rw;
    size_t len = 0;

    while (settings[len] != NULL)
        len++;
    *cfg = config_open(dir, settings, len, &err);
    if (*cfg == NULL)
        fail_msg("%s", err.text);
    rw = rewriter_open(*cfg, &err);
    if (rw == NULL)
        fail_msg("%s", err.text);
    return rw;
}

struct rewrite_case {
    const char *address, *local, *remote;
};

static void check_rewrites(const char *const *settings, const struct rewrite_case *cases,
                           size_t len)
{
    struct config *cfg;
    struct rewriter *rw = open_with(&cfg, settings);
    struct error err;

    for (size_t i = 0; i < len; i++) {
        const char *local, *remote;

        assert_true(rewrite_addresses(rw, arena, REWRITE_LOCAL, &cases[i].address, 1,
                                      &local, &err));
        assert_true(rewrite_addresses(rw, arena, REWRITE_REMOTE, &cases[i].address, 1,
                                      &remote, &err));
        if (strcmp(local, cases[i].local) != 0 || strcmp(remote, cases[i].remote) != 0)
            fail_msg("%s: %s, %s", cases[i].address, local, remote);
    }
    rewriter_free(rw);
    config_free(cfg);
}

static void addresses_get_their_standard_form(void **state)
{
    static const char *const none[] = {NULL};
    static const char *const off[] = {"append_at_myorigin=no", "append_dot_mydomain=no",
                                      "swap_bangpath=no", "allow_percent_hack=no", NULL};
    static const char *const domain[] = {"remote_header_rewrite_domain=remote.invalid",
                                         NULL};
    static const struct rewrite_case by_default[] = {
        {"foo",                "foo@mx.example.com",      "foo"               },
        {"foo@host",           "foo@host.example.com",    "foo@host"          },
        {"foo@host.",          "foo@host",                "foo@host"          },
        {"foo@a.b",            "foo@a.b",                 "foo@a.b"           },
        {"foo@a.b.",           "foo@a.b",                 "foo@a.b"           },
        {"foo@a.b..",          "foo@a.b..",               "foo@a.b.."         },
        {"foo@",               "foo@",                    "foo@"              },
        {"foo@.",              "foo@.",                   "foo@."             },
        {"",                   "",                        ""                  },
        {"a!b",                "b@a.example.com",         "b@a"               },
        {"a!b!c",              "b!c@a.example.com",       "b!c@a"             },
        {"a!b@c.d",            "a!b@c.d",                 "a!b@c.d"           },
        {"a%b",                "a@b.example.com",         "a@b"               },
        {"a%b%c",              "a%b@c.example.com",       "a%b@c"             },
        {"a%b@mx.example.com", "a%b@mx.example.com",      "a%b@mx.example.com"},
        {"@a,@b:c@d.e",        "c@d.e",                   "c@d.e"             },
        {"@a.b:c",             "c@mx.example.com",        "c"                 },
        {"a@[1.2.3.4]",        "a@[1.2.3.4]",             "a@[1.2.3.4]"       },
        {"a b",                "a b@mx.example.com",      "a b"               },
        {"!b",                 "b@",                      "b@"                },
        {"a%",                 "a@",                      "a@"                },
        {"a@localhost",        "a@localhost.example.com", "a@localhost"       },
        {"MiXed@CaSe.Com",     "MiXed@CaSe.Com",          "MiXed@CaSe.Com"    },
    };
    static const struct rewrite_case switched_off[] = {
        {"foo", "foo", "foo"},
        {"a@b", "a@b", "a@b"},
        {"a!b", "a!b", "a!b"},
        {"a%b", "a%b", "a%b"}
    };
    static const struct rewrite_case with_domain[] = {
        {"a",   "a@mx.example.com", "a@remote.invalid"  },
        {"a@b", "a@b.example.com",  "a@b.remote.invalid"},
    };

    (void)state;
    check_rewrites(none, by_default, COUNT(by_default));
    check_rewrites(off, switched_off, COUNT(switched_off));
    check_rewrites(domain, with_domain, COUNT(with_domain));
}

enum {
    LOCAL = RESOLVE_CLASS_LOCAL,
    ALIAS = RESOLVE_CLASS_VIRTUAL_ALIAS,
    MAILBOX = RESOLVE_CLASS_VIRTUAL_MAILBOX,
    RELAY = RESOLVE_CLASS_RELAY,
    OTHER = RESOLVE_CLASS_DEFAULT,
    ROUTED = RESOLVE_ROUTED,
    BAD = RESOLVE_ERROR,
    FAILED = RESOLVE_FAILED
};

struct resolve_case {
    const char *address, *sender, *transport, *nexthop, *recipient;
    unsigned flags;
};

static void check_resolves(const char *const *settings, const struct resolve_case *cases,
                           size_t len)
{
    struct config *cfg;
    struct rewriter *rw = open_with(&cfg, settings);
    struct error err;

    for (size_t i = 0; i < len; i++) {
        const struct resolve_case *c = &cases[i];
        struct resolved r;

        assert_true(resolve_addresses(rw, arena, c->sender == NULL ? "" : c->sender,
                                      &c->address, 1, &r, &err));
        if (strcmp(r.transport, c->transport) != 0 || strcmp(r.nexthop, c->nexthop) != 0 ||
            strcmp(r.recipient, c->recipient) != 0 ||
            (r.flags & ~(unsigned)RESOLVE_BAD_SYNTAX) != c->flags)
            fail_msg("%s from <%s>: %s:%s %s flags %u", c->address,
                     c->sender == NULL ? "" : c->sender, r.transport, r.nexthop,
                     r.recipient, r.flags);
    }
    rewriter_free(rw);
    config_free(cfg);
}

#define SYNTAX "error", "5.1.3 bad address syntax"

static void classes_and_tables_decide(void **state)
{
    static const char *const settings[] = {
        "virtual_alias_domains=va.example",
        "virtual_alias_maps=inline:{a@va.example=b@c.d}",
        "virtual_mailbox_domains=vm.example",
        "virtual_mailbox_maps=inline:{u@vm.example=x}",
        "relay_domains=rel.example",
        "transport_maps=inline:{t.example=foo:bar,full@t.example=x:y,.dot.example=dot:,"
        "nh.example=:[1.2.3.4],e.example=error:5.7.0-no,sl.example=smtp,u+x@p.example=ext:"
        "z,"
        "u@p.example=noext:,a@u.example=error:,vm.example=:}",
        "relocated_maps=inline:{moved@mx.example.com=new@place,gone=away}",
        "recipient_delimiter=+",
        NULL};
    static const struct resolve_case cases[] = {
        {"a@mx.example.com",     NULL,                 "local",                                     "mx.example.com",                                                       "a@mx.example.com",                                                                                                                     LOCAL                                                                },
        {"a@localhost",          NULL,                 "local",                                     "mx.example.com",                                                       "a@localhost",                                                                                                                          LOCAL                                                                },
        {"A@MX.Example.COM",     NULL,                 "local",                                     "mx.example.com",                                                       "A@MX.Example.COM",                                                                                                                     LOCAL                                                                },
        {"a@example.com",        NULL,                 "smtp",                                      "example.com",                                                          "a@example.com",                                                                                                                        OTHER                                                                },
        {"a@va.example",         NULL,                 "error",                                     "5.1.1 User unknown in virtual alias table",
         "a@va.example",                                                                                                                                                                                                                                                                                            ALIAS | BAD                                                          },
        {"x@vm.example",         NULL,                 "virtual",                                   "vm.example",                                                           "x@vm.example",                                                                                                                         MAILBOX                                                              },
        {"x@rel.example",        NULL,                 "relay",                                     "rel.example",                                                          "x@rel.example",                                                                                                                        RELAY                                                                },
        {"x@sub.rel.example",    NULL,                 "relay",                                     "sub.rel.example",                                                      "x@sub.rel.example",                                                                                                                    RELAY                                                                },
        {"x@t.example",          NULL,                 "foo",                                       "bar",                                                                  "x@t.example",                                                                                                                          OTHER                                                                },
        {"full@t.example",       NULL,                 "x",                                         "y",                                                                    "full@t.example",                                                                                                                       OTHER                                                                },
        {"x@sub.t.example",      NULL,                 "smtp",                                      "sub.t.example",                                                        "x@sub.t.example",                                                                                                                      OTHER                                                                },
        {"x@dot.example",        NULL,                 "smtp",                                      "dot.example",                                                          "x@dot.example",                                                                                                                        OTHER                                                                },
        {"x@a.dot.example",      NULL,                 "dot",                                       "a.dot.example",                                                        "x@a.dot.example",                                                                                                                      OTHER                                                                },
        {"x@nh.example",         NULL,                 "smtp",                                      "[1.2.3.4]",                                                            "x@nh.example",                                                                                                                         OTHER                                                                },
        {"x@e.example",          NULL,                 "error",                                     "5.7.0-no",                                                             "x@e.example",                                                                                                                          OTHER                                                                },
        {"a@u.example",          NULL,                 "error",                                     "Address is undeliverable",                                             "a@u.example",                                                                                                                          OTHER                                                                },
        {"x@sl.example",         NULL,                 "smtp",                                      "sl.example",                                                           "x@sl.example",                                                                                                                         OTHER                                                                },
        {"u+x@p.example",        NULL,                 "ext",                                       "z",                                                                    "u+x@p.example",                                                                                                                        OTHER                                                                },
        {"u+y@p.example",        NULL,                 "noext",                                     "p.example",                                                            "u+y@p.example",                                                                                                                        OTHER                                                                },
        {"v@p.example",          NULL,                 "smtp",                                      "p.example",                                                            "v@p.example",                                                                                                                          OTHER                                                                },
        {"moved@mx.example.com", NULL,                 "error",                                     "5.1.6 User has moved to new@place",
         "moved@mx.example.com",                                                                                                                                                                                                                                                                                    LOCAL | BAD                                                          },
        {"gone@localhost",       NULL,                 "error",                                     "5.1.6 User has moved to away",                                         "gone@localhost",
         LOCAL | BAD                                                                                                                                                                                                                                                                                                                                                                     },
        {"",                     NULL,                 "local",                                     "mx.example.com",                                                       "MAILER-DAEMON@mx.example.com",                                                                                                         LOCAL                                                                },
        {"a",                    NULL,                 "local",                                     "mx.example.com",                                                       "a@mx.example.com",                                                                                                                     LOCAL                                                                },
        {"a@",                   NULL,                 SYNTAX,                                      "a@",                                                                   OTHER | BAD                                                                                                                           },
        {"a@[127.0.0.1]",                  NULL,              "local",                            "mx.example.com",                                                        "a@[127.0.0.1]",                                                                                                                                  LOCAL                                                                     },
        {"a@[9.9.9.9]",                  NULL,               "smtp",                                 "[9.9.9.9]",                                                          "a@[9.9.9.9]",                                                                                                                                  OTHER},
        {"a@[IPv6:::1]",                  NULL,               "smtp",                                "[IPv6:::1]",                                                         "a@[IPv6:::1]",                                                                                                                                  OTHER                                                                     },
        {"a@[::1]",                  NULL,               SYNTAX,                                   "a@[::1]",                                                            OTHER | BAD                                                                                                                                      },
        {"a@9.9.9.9",                NULL,                         SYNTAX,                                 "a@9.9.9.9",                                                                       OTHER | BAD                                                                                                                 },
        {"a%b.c@mx.example.com",                 NULL,                              "smtp",                                                                    "b.c",                                                                       "a@b.c",                                                                                                                    OTHER},
        {"a@b@mx.example.com",       NULL,          "smtp",                                                "b.example.com",                                                                       "a@b.example.com",                                                                                                                    OTHER                                                           },
        {"a!b@mx.example.com",       NULL,          "smtp",                                                "a.example.com",                                                                       "b@a.example.com",                                                                                                                     OTHER                                                 },
        {"x%y.z@rel.example",         NULL,          "relay",                                                                            "rel.example",                                                                                                                                                  "x%y.z@rel.example",
         RELAY | ROUTED                                                           },
        {"a!b@z.example",           NULL,                "smtp",                                             "z.example",                                                                       "a!b@z.example",                                                                                                                                  OTHER | ROUTED},
        {"a@b.",                   NULL,                                  "smtp",                                                                        "b",                                                                       "a@b",                                                                                                                                  OTHER        },
        {"a@.b",                NULL,                         SYNTAX,                                                                    "a@.b",                                                                OTHER | BAD                                                                                                                        },
        {"a@b..c",           NULL,                               SYNTAX,                                                       "a@b..c",                                                                                                        OTHER | BAD                                                                                          },
        {"a b@mx.example.com",                  NULL,                                      "local",                                                      "mx.example.com",                                                                                                       "a b@mx.example.com",
         LOCAL                                                                                                                                                                                                                                                                     },
        {"a@mx.example.com@localhost",                  NULL,                                      "local",                                                                    "mx.example.com",                                                                                                                 "a@mx.example.com",
         LOCAL                                               },
        {"-x@z.example",                      NULL,                             SYNTAX,                                                             "-x@z.example",                                                                                                         OTHER | BAD                                                                                                                                                                                   },
        {"a@-z.example",        NULL,                     SYNTAX,                                              "a@-z.example",                                                                           OTHER | BAD                                                                                                                                                                      },
        {"X@REL.example",    NULL,            "relay",                             "REL.example",                            "X@REL.example",                                                                      RELAY                                          },
        {"a@foo_bar.example",         NULL,                     "smtp",                                                       "foo_bar.example",                                                                          "a@foo_bar.example",                                                                                                       OTHER                                 },
        {"a@z.example.",     NULL,    "smtp",                                         "z.example",                                                                                             "a@z.example",                                                                                                                                                                                                                        OTHER},
        {"a@[host.example]",                  NULL, SYNTAX, "a@[host.example]", OTHER | BAD},
        {"@z.example",                                NULL,                                 "smtp",                                                           "z.example",                                                                                                                                  "@z.example",                                                                                                                                                                                                                                                                         OTHER},
    };

    (void)state;
    check_resolves(settings, cases, COUNT(cases));
}

static void senders_choose_where_asked(void **state)
{
    static const char *const settings[] = {
        "relayhost=[relay.h]:26",
        "local_transport=local",
        "relay_domains=rel.example",
        "sender_dependent_relayhost_maps=inline:{s@x.example=[sdr],@dom.example=[sdd],<>=["
        "null],"
        "du@x.example=DUNNO}",
        "sender_dependent_default_transport_maps=inline:{t@x.example=tr:nh,u@x.example=tr2:"
        ","
        "<>=ntr,du@x.example=DUNNO}",
        "transport_maps=inline:{a.example=tt:,b.example=:nn}",
        NULL};
    static const struct resolve_case cases[] = {
        {"a@mx.example.com", "s@x.example",   "local", "mx.example.com", "a@mx.example.com",
         LOCAL                                                                                    },
        {"a@z.example",      "s@x.example",   "smtp",  "[sdr]",          "a@z.example",      OTHER},
        {"a@z.example",      "q@dom.example", "smtp",  "[sdd]",          "a@z.example",      OTHER},
        {"a@z.example",      "",              "ntr",   "[null]",         "a@z.example",      OTHER},
        {"a@z.example",      "du@x.example",  "smtp",  "[relay.h]:26",   "a@z.example",      OTHER},
        {"a@z.example",      "t@x.example",   "tr",    "nh",             "a@z.example",      OTHER},
        {"a@z.example",      "u@x.example",   "tr2",   "[relay.h]:26",   "a@z.example",      OTHER},
        {"a@rel.example",    "s@x.example",   "relay", "[sdr]",          "a@rel.example",    RELAY},
        {"a@a.example",      "s@x.example",   "tt",    "a.example",      "a@a.example",      OTHER},
        {"a@b.example",      "s@x.example",   "smtp",  "nn",             "a@b.example",      OTHER},
        {"a@rel.example",    "",              "relay", "[null]",         "a@rel.example",    RELAY},
        {"a@z.example",      "s+e@x.example", "smtp",  "[relay.h]:26",   "a@z.example",      OTHER},
    };

    (void)state;
    check_resolves(settings, cases, COUNT(cases));
}

static void switches_are_honoured(void **state)
{
    static const char *const settings[] = {"resolve_null_domain=yes",
                                           "resolve_numeric_domain=yes",
                                           "allow_percent_hack=no",
                                           "swap_bangpath=no",
                                           "local_transport=error:no local",
                                           "append_at_myorigin=no",
                                           "append_dot_mydomain=no",
                                           "show_user_unknown_table_name=no",
                                           "virtual_alias_domains=va.example",
                                           NULL};
    static const struct resolve_case cases[] = {
        {"a@",          NULL,    "error",              "no local",           "a@mx.example.com", LOCAL},
        {"a@9.9.9.9",   NULL,    "smtp",               "[9.9.9.9]",          "a@[9.9.9.9]",      OTHER},
        {"a@127.0.0.1", NULL,    "error",              "no local",           "a@[127.0.0.1]",    LOCAL},
        {"a@999.9.9.9", NULL,    SYNTAX,               "a@999.9.9.9",        OTHER | BAD       },
        {"a%b@mx.example.com",         NULL, "error",           "no local", "a%b@mx.example.com",
         LOCAL | ROUTED     },
        {"a!b@mx.example.com",         NULL, "error",           "no local", "a!b@mx.example.com",
         LOCAL | ROUTED                                                                        },
        {"a@b@mx.example.com",         NULL,  "smtp",                  "b",                "a@b",              OTHER     },
        {"a@va.example",         NULL, "error", "5.1.1 User unknown",       "a@va.example",        ALIAS | BAD},
        {"a",         NULL, "error",           "no local",   "a@mx.example.com",              LOCAL     },
    };

    (void)state;
    check_resolves(settings, cases, COUNT(cases));
}

static void the_star_and_parents_of_transport_maps(void **state)
{
    static const char *const settings[] = {
        "transport_maps=inline:{.example=dot:,sub.p.example=sp:,*=star:hop}",
        "parent_domain_matches_subdomains=transport_maps", NULL};
    static const struct resolve_case cases[] = {
        {"a@x.y.example",     NULL, "star", "hop",             "a@x.y.example",                OTHER},
        {"a@z.sub.p.example", NULL, "sp",   "z.sub.p.example", "a@z.sub.p.example",            OTHER},
        {"a@mx.example.com",  NULL, "star", "hop",             "a@mx.example.com",             LOCAL},
        {"a@[9.9.9.9]",       NULL, "star", "hop",             "a@[9.9.9.9]",                  OTHER},
        {"",                  NULL, "star", "hop",             "MAILER-DAEMON@mx.example.com", LOCAL},
    };

    (void)state;
    check_resolves(settings, cases, COUNT(cases));
}

static void a_broken_table_is_a_temporary_failure(void **state)
{
    static const char *const settings[] = {"transport_maps=hash:/nonexistent", NULL};
    static const struct resolve_case cases[] = {
        {"a@z.example", NULL, "smtp", "z.example", "a@z.example", OTHER | FAILED},
    };

    (void)state;
    logged[0] = '\0';
    check_resolves(settings, cases, COUNT(cases));
    assert_non_null(strstr(logged, "hash:/nonexistent lookup error for \"a@z.example\"\n"
                                   "warning: transport_maps lookup failure\n"));
}

static void a_domain_in_two_classes_is_warned_about(void **state)
{
    static const char *const settings[] = {
        "virtual_alias_domains=va.example, mx.example.com",
        "virtual_mailbox_domains=va.example", "relay_domains=va.example", NULL};
    static const struct resolve_case cases[] = {
        {"a@mx.example.com", NULL, "local", "mx.example.com",                            "a@mx.example.com", LOCAL      },
        {"a@va.example",     NULL, "error", "5.1.1 User unknown in virtual alias table",
         "a@va.example",                                                                                     ALIAS | BAD},
    };

    (void)state;
    logged[0] = '\0';
    check_resolves(settings, cases, COUNT(cases));
    assert_string_equal(
        logged, "warning: do not list domain mx.example.com in BOTH mydestination and "
                "virtual_alias_domains\n"
                "warning: do not list domain va.example in BOTH virtual_alias_domains and "
                "virtual_mailbox_domains\n"
                "warning: do not list domain va.example in BOTH virtual_alias_domains and "
                "relay_domains\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_get_their_standard_form),
        cmocka_unit_test(classes_and_tables_decide),
        cmocka_unit_test(senders_choose_where_asked),
        cmocka_unit_test(switches_are_honoured),
        cmocka_unit_test(the_star_and_parents_of_transport_maps),
        cmocka_unit_test(a_broken_table_is_a_temporary_failure),
        cmocka_unit_test(a_domain_in_two_classes_is_warned_about),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
