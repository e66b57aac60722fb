// verb_misc: RSET, NOOP, VRFY, ETRN, HELP, QUIT, and the commands of features that are not
// built.
#include "dns/dns.h"
#include "mail/address.h"
#include "mail/flush_client.h"
#include "smtpd/checks.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include "util/text.h"

static struct reply protocol_error(struct session *s, const char *text)
{
    s->error_classes |= NOTIFY_PROTOCOL;
    return REPLY(text);
}

VERB(smtpd_rset)
{
    if (args.len > 0)
        return protocol_error(s, "501 5.5.4 Syntax: RSET");
    session_reset_message(s);
    return REPLY("250 2.0.0 Ok");
}

VERB(smtpd_noop)
{
    (void)s;
    (void)args;
    return REPLY("250 2.0.0 Ok");
}

VERB(smtpd_quit)
{
    (void)s;
    (void)args;
    return REPLY_AND_CLOSE("221 2.0.0 Bye");
}

VERB(smtpd_help)
{
    (void)args;
    return reply_printf(s, "214 2.0.0 Commands:%s", smtpd_verb_list(s));
}

// Both are announced only once they are built.
VERB(smtpd_auth)
{
    (void)args;
    return protocol_error(s, "503 5.5.1 Error: authentication not enabled");
}

VERB(smtpd_starttls)
{
    if (args.len > 0)
        return protocol_error(s, "501 5.5.4 Syntax: STARTTLS");
    return protocol_error(s, "502 5.5.1 Error: command not implemented");
}

// RFC 5321 3.5.3: we say whether we would take mail for the address, not whose it is.
VERB(smtpd_vrfy)
{
    static const char suffix[] = "SMTPUTF8";
    const char *address, *refusal;
    struct str text = args, rest;

    if (s->cfg->disable_vrfy_command)
        return protocol_error(s, "502 5.5.1 VRFY command is disabled");
    if (s->mail->smtputf8_enable && str_ends_nocase(text, " SMTPUTF8"))
        text = str_trim(str_sub(text, 0, text.len - strlen(suffix)));
    if (text.len == 0)
        return protocol_error(s, s->mail->smtputf8_enable
                                     ? "501 5.5.4 Syntax: VRFY address [SMTPUTF8]"
                                     : "501 5.5.4 Syntax: VRFY address");
    if (!smtp_path_parse(s->msg_arena, text, false, &address, &rest) ||
        address[0] == '\0') {
        log_warn("Illegal address syntax from %s in VRFY command: %.*s", s->peer.namaddr,
                 (int)(text.len > 200 ? 200 : text.len), text.ptr);
        return protocol_error(s, "501 5.1.3 Bad recipient address syntax");
    }
    refusal = check_rcpt(s, address, "VRFY");
    if (refusal != NULL)
        return REPLY(refusal);
    return reply_printf(s, "252 2.0.0 %.*s", STR_FMT(text));
}

static struct reply flush_site(struct session *s, const char *domain)
{
    switch (flush_call(s->mail, FLUSH_SEND_SITE, domain, NULL)) {
    case FLUSH_OK:
        return REPLY("250 Queuing started");
    case FLUSH_DENY:
        log_warn("reject: ETRN %.100s... from %s", domain, s->peer.namaddr);
        return reply_printf(s, "459 <%s>: service unavailable", domain);
    case FLUSH_BAD:
        log_warn("bad ETRN %.100s... from %s", domain, s->peer.namaddr);
        return REPLY("458 Unable to queue messages");
    case FLUSH_FAIL:
        break;
    }
    return REPLY("458 Unable to queue messages");
}

VERB(smtpd_etrn)
{
    const char *refusal, *domain;
    struct error err = {0};

    if (s->cfg->smtpd_helo_required && s->helo == NULL)
        return protocol_error(s, "503 Error: send HELO/EHLO first");
    if (s->msg.has_sender)
        return protocol_error(s, "503 Error: MAIL transaction in progress");
    if (args.len == 0 || str_has_char(args, ' '))
        return protocol_error(s, "500 Syntax: ETRN domain");
    if (args.ptr[0] == '@' || args.ptr[0] == '#')
        args = str_from(args, 1);
    if (!host_name_is_valid(args) && args.len > 0 && args.ptr[0] != '[')
        return protocol_error(s, "501 Error: invalid parameter syntax");
    domain = arena_text(s->msg_arena, args);
    refusal = check_etrn(s, domain);
    if (refusal != NULL)
        return REPLY(refusal);
    if (s->server->fast_flush_domains == NULL ||
        match_list_find(s->server->fast_flush_domains, domain, NULL, &err) != MATCH_YES) {
        log_warn("reject: ETRN %.100s... from %s", domain, s->peer.namaddr);
        return reply_printf(s, "459 <%s>: service unavailable", domain);
    }
    return flush_site(s, domain);
}
