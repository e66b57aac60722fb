// test_dispatch: command lines and their replies, without a socket and without other
// daemons.
#include "smtpd/server.h"
#include "smtpd/verbs.h"
#include "unit.h"
#include "util/file.h"
#include "util/log.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char folder[] = "/tmp/relais-unit-XXXXXX";

static void write_main_cf(const char *text)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "%s/main.cf", folder);
    fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_true(fd_write_all(fd, text, strlen(text)));
    close(fd);
}

static const char base[] = "compatibility_level = 3.6\n"
                           "myhostname = mx.example\n"
                           "mydestination = mx.example\n"
                           "mynetworks = 10.0.0.0/8\n"
                           "inet_interfaces = 127.0.0.1\n"
                           "alias_maps =\n"
                           "message_size_limit = 1000\n"
                           "local_recipient_maps = inline:{ann=x}\n"
                           "smtpd_tls_security_level =\n";

#define STEPS 8
static const struct {
    const char *why, *config;
    struct {
        const char *line, *reply;
    } steps[STEPS];
} cases[] = {
    {"order of commands",
     "",                                                                                  {{"DATA", "503 5.5.1 Error: need RCPT command"},
      {"RCPT TO:<a@b>", "503 5.5.1 Error: need MAIL command"},
      {"MAIL FROM:<a@b.example>", "250 2.1.0 Ok"},
      {"MAIL FROM:<a@b.example>", "503 5.5.1 Error: nested MAIL command"},
      {"DATA", "554 5.5.1 Error: no valid recipients"},
      {"RSET", "250 2.0.0 Ok"},
      {"MAIL FROM:<>", "250 2.1.0 Ok"}}                                                                                                            },
    {"HELO can be required",
     "smtpd_helo_required = yes\n",                                                       {{"MAIL FROM:<>", "503 5.5.1 Error: send HELO/EHLO first"},
      {"HELO x", "250 mx.example"},
      {"MAIL FROM:<>", "250 2.1.0 Ok"}}                                                                                 },
    {"syntax",
     "",                                                                                  {{"MAIL", "501 5.5.4 Syntax: MAIL FROM:<address>"},
      {"MAIL FROM:<a b@c>", "501 5.1.7 Bad sender address syntax"},
      {"MAIL FROM:<a@b> SIZE=x", "501 5.5.4 Bad message size syntax"},
      {"MAIL FROM:<a@b> SIZE=1001", "552 5.3.4 Message size exceeds fixed limit"},
      {"MAIL FROM:<a@b> X=y", "555 5.5.4 Unsupported option: X=y"},
      {"MAIL FROM:<a@b> X\r\rY", "555 5.5.4 Unsupported option: X??Y"},
      {"FOO", "500 5.5.2 Error: command not recognized"},
      {"", "500 5.5.2 Error: bad syntax"}}                                                                                                         },
    {"closed for strangers",
     "",                                                                                  {{"MAIL FROM:<>", "250 2.1.0 Ok"},
      {"RCPT TO:<x@else.example>", "454 4.7.1 <x@else.example>: Relay access denied"},
      {"RCPT TO:<x%else.example@mx.example>",
       "454 4.7.1 <x%else.example@mx.example>: Relay access denied"},
      {"RCPT TO:<no@mx.example>",
       "550 5.1.1 <no@mx.example>: Recipient address rejected: User "
       "unknown in local recipient table"},
      {"RCPT TO:<>", "501 5.1.3 Bad recipient address syntax"}}                                                                                    },
    {"without a closing rule nothing is relayed",
     "smtpd_relay_restrictions = permit_mynetworks\n",                                    {{"MAIL FROM:<>", "250 2.1.0 Ok"},
      {"RCPT TO:<ann@mx.example>", "451 4.3.5 Server configuration error"}}                          },
    {"a misspelt restriction lets nobody in",
     "smtpd_recipient_restrictions = permit_mynetwork, reject\n",                         {{"MAIL FROM:<>", "250 2.1.0 Ok"},
      {"RCPT TO:<ann@mx.example>", "451 4.3.5 Server configuration error"}}               },
    {"access actions",
     "smtpd_recipient_restrictions = check_recipient_access inline:{"
     "{a@mx.example=REJECT 5.7.9 no} {b@mx.example=450 4.2.1 later} "
     "{c@mx.example=DEFER_IF_PERMIT} "
     "{d@mx.example=421 4.3.2 bye}}\n",                                                   {{"MAIL FROM:<>", "250 2.1.0 Ok"},
      {"RCPT TO:<a@mx.example>",
       "554 5.7.9 <a@mx.example>: Recipient address rejected: no"},
      {"RCPT TO:<b@mx.example>",
       "450 4.2.1 <b@mx.example>: Recipient address rejected: later"},
      {"RCPT TO:<c@mx.example>",
       "450 4.7.1 <c@mx.example>: Recipient address rejected: Service unavailable"},
      {"RCPT TO:<d@mx.example>",
       "421 4.3.2 <d@mx.example>: Recipient address rejected: bye"}}                                                },
    {"encryption that cannot be had is no reason for plain text",
     "smtpd_tls_security_level = encrypt\n",                                              {{"EHLO x", NULL},
      {"MAIL FROM:<>", "530 5.7.0 Must issue a STARTTLS command first"},
      {"NOOP", "250 2.0.0 Ok"}}                                                                                },
    {"a class, and a warning only",
     "smtpd_restriction_classes = strict\nstrict = warn_if_reject reject, defer\n"
     "smtpd_sender_restrictions = strict\n",                                              {{"MAIL FROM:<s@x>", "250 2.1.0 Ok"},
      {"RCPT TO:<ann@mx.example>",
       "450 4.3.2 <s@x>: Sender address rejected: Try again later"}}                                           },
    {"deferral gives way to a rejection",
     "smtpd_client_restrictions = defer_if_permit\nsmtpd_sender_restrictions = reject\n", {{"MAIL FROM:<s@x>", "250 2.1.0 Ok"},
      {"RCPT TO:<ann@mx.example>",
       "554 5.7.1 <s@x>: Sender address rejected: Access denied"}}},
    {"soft_bounce",
     "soft_bounce = yes\n",                                                               {{"MAIL FROM:<s@x>", "250 2.1.0 Ok"},
      {"RCPT TO:<no@mx.example>",
       "450 4.1.1 <no@mx.example>: Recipient address rejected: User "
       "unknown in local recipient table"}}                                                                                     },
    {"proxies have to be authorised",
     "",                                                                                  {{"XCLIENT ADDR=10.0.0.1", "550 5.7.0 Error: insufficient authorization"},
      {"XFORWARD NAME=x", "550 5.7.0 Error: insufficient authorization"}}                                                                          },
    {"XCLIENT",
     "smtpd_authorized_xclient_hosts = 192.0.2.1\n",                                      {{"XCLIENT ADDR=300.0.0.1", "501 5.5.4 Bad ADDR syntax: 300.0.0.1"},
      {"XCLIENT FOO=1", "501 5.5.4 Bad XCLIENT attribute name: FOO"},
      {"XCLIENT ADDR", "501 5.5.4 Error: attribute=value expected"},
      {"XCLIENT ADDR=10.0.0.1 NAME=[UNAVAILABLE]", "220 mx.example ESMTP Postfix"},
      {"MAIL FROM:<>", "250 2.1.0 Ok"},
      {"RCPT TO:<no@mx.example>", NULL}}                                                               },
};

static void run(size_t i)
{
    char text[8192];
    struct arena *arenas[4];
    struct error err = {0};
    struct smtpd_config cfg;
    struct smtpd server;
    struct session s;

    snprintf(text, sizeof(text), "%s%s", base, cases[i].config);
    write_main_cf(text);
    struct config *config = config_open(folder, NULL, 0, &err);

    check_case(cases[i].why, config != NULL);
    check_case(cases[i].why, config_load(config, smtpd_params, &cfg, &err));
    for (size_t k = 0; k < COUNT(arenas); k++)
        arenas[k] = arena_new();
    if (!server_open(&server, arenas[3], config, &cfg, false, &err))
        fail_msg("%s: %s", cases[i].why, err.text);
    session_init(&s, &server, NULL, arenas[0], arenas[1], arenas[2]);
    s.peer = (struct peer){.name = "unknown",
                           .reverse_name = "unknown",
                           .addr = "192.0.2.1",
                           .port = "1",
                           .family = AF_INET,
                           .server_addr = "192.0.2.2",
                           .server_port = "25"};
    peer_derive(arenas[0], &s.peer, false);
    session_set_peer_rules(&s);
    for (size_t k = 0; k < STEPS && cases[i].steps[k].line != NULL; k++) {
        struct reply reply = smtpd_dispatch(&s, str_c(cases[i].steps[k].line));

        if (cases[i].steps[k].reply != NULL)
            check_text(cases[i].why, reply.text, cases[i].steps[k].reply);
    }
    session_reset_message(&s);
    for (size_t k = 0; k < COUNT(arenas); k++)
        arena_free(arenas[k]);
    rewriter_free(server.rewriter);
    config_free(config);
}

static void answers_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        run(i);
}

static int set_up(void **state)
{
    (void)state;
    log_open("unit", 0, 0);
    return mkdtemp(folder) == NULL || chdir(folder) != 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("main.cf");
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_as_the_table_says)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
