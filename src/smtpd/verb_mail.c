// verb_mail: MAIL FROM and RCPT TO with their parameters.
#include "mail/address.h"
#include "proto/esmtp_param.h"
#include "smtpd/checks.h"
#include "smtpd/intake.h"
#include "smtpd/limits.h"
#include "smtpd/rules.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include "util/text.h"

static struct reply protocol_error(struct session *s, const char *text)
{
    s->error_classes |= NOTIFY_PROTOCOL;
    return REPLY(text);
}

// The resolver knows which domains cannot be: "a@", "a@-b.example", "a@1.2.3.4".
static const char *check_domain(struct session *s, const char *address, struct str path,
                                const char *bad, const char *verb)
{
    struct check c = {.s = s};
    struct resolved route;

    if (address[0] == '\0' || s->server->rewriter == NULL ||
        !check_resolve(&c, address, &route) || !(route.flags & RESOLVE_BAD_SYNTAX))
        return NULL;
    log_warn("Illegal address syntax from %s in %s command: %.*s", s->peer.namaddr, verb,
             (int)(path.len > 200 ? 200 : path.len), path.ptr);
    return bad;
}

// Takes "FROM:" or "TO:" and the path behind it. NULL when good, else the refusal.
static const char *parse_path(struct session *s, struct str *args, const char *keyword,
                              const char *syntax, const char *bad, const char *verb,
                              const char **address)
{
    size_t len = strlen(keyword);

    if (!str_starts_nocase(*args, keyword))
        return syntax;
    struct str path = str_trim_left(str_from(*args, len));

    if (path.len == 0)
        return syntax;
    if (!str_is_text(path) ||
        !smtp_path_parse(s->msg_arena, path, s->cfg->strict_rfc821_envelopes, address,
                         args)) {
        log_warn("Illegal address syntax from %s in %s command: %.*s", s->peer.namaddr,
                 verb, (int)(path.len > 200 ? 200 : path.len), path.ptr);
        return bad;
    }
    path.len -= args->len;
    return check_domain(s, *address, path, bad, verb);
}

// MAIL parameters, one function each; NULL is good.
static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

static const char *take_size(struct session *s, const struct esmtp_param *p)
{
    uint64_t size;

    if (is_number(p->value) && (!str_to_u64(p->value, &size) || size > INT64_MAX))
        return "552 5.3.4 Message size exceeds file system imposed limit";
    if (!str_to_u64(p->value, &size))
        return "501 5.5.4 Bad message size syntax";
    s->msg.size_declared = (int64_t)size;
    return NULL;
}

static const char *unsupported(struct session *s, const struct esmtp_param *p)
{
    return reply_printf(s, "555 5.5.4 Unsupported option: %.*s",
                        (int)(p->whole.len > 100 ? 100 : p->whole.len), p->whole.ptr)
        .text;
}

static const char *take_body(struct session *s, const struct esmtp_param *p)
{
    if (str_is_nocase(p->value, "8BITMIME"))
        s->msg.encoding = "8bit";
    else if (str_is_nocase(p->value, "7BIT"))
        s->msg.encoding = "7bit";
    else
        return unsupported(s, p);
    return NULL;
}

static const char *take_ret(struct session *s, const struct esmtp_param *p)
{
    if (s->ehlo_discard & EHLO_DSN)
        return "501 5.7.1 DSN support is disabled";
    return s->msg.dsn_ret == 0 && dsn_ret_parse(p->value, &s->msg.dsn_ret)
               ? NULL
               : "501 5.5.4 Bad RET parameter syntax";
}

static const char *take_envid(struct session *s, const struct esmtp_param *p)
{
    if (s->ehlo_discard & EHLO_DSN)
        return "501 5.7.1 DSN support is disabled";
    return s->msg.envelope_id == NULL &&
                   dsn_envid_parse(s->msg_arena, p->value, &s->msg.envelope_id)
               ? NULL
               : "501 5.5.4 Bad ENVID parameter syntax";
}

static const char *take_smtputf8(struct session *s, const struct esmtp_param *p)
{
    if (p->has_value || !s->mail->smtputf8_enable || (s->ehlo_discard & EHLO_SMTPUTF8))
        return unsupported(s, p);
    s->msg.smtputf8 = true;
    return NULL;
}

// RFC 4954 5: without authentication the claim is worth nothing, but it is no error either.
static const char *take_auth(struct session *s, const struct esmtp_param *p)
{
    (void)p;
    (void)s;
    return NULL;
}

static const char *take_verp(struct session *s, const struct esmtp_param *p)
{
    const char *delimiters = s->mail->default_verp_delimiters;

    if (!session_peer_is_in(s, s->server->verp_clients))
        return unsupported(s, p);
    if (p->has_value) {
        delimiters = arena_text(s->msg_arena, p->value);
        if (p->value.len != 2 || strspn(delimiters, s->cfg->verp_delimiter_filter) != 2)
            return reply_printf(s, "501 5.5.4 Error: %.*s needs two characters from %s",
                                STR_FMT(p->name), s->cfg->verp_delimiter_filter)
                .text;
    }
    s->msg.verp = delimiters;
    return NULL;
}

typedef const char *take_param(struct session *s, const struct esmtp_param *p);

static const struct from_param {
    const char *name;
    take_param *take;
} from_params[] = {
    {"SIZE",     take_size    },
    {"BODY",     take_body    },
    {"RET",      take_ret     },
    {"ENVID",    take_envid   },
    {"SMTPUTF8", take_smtputf8},
    {"AUTH",     take_auth    },
    {"XVERP",    take_verp    },
};

static const char *take_mail_params(struct session *s, struct str args)
{
    struct esmtp_param p;

    while (esmtp_param_take(&args, &p)) {
        const char *refusal = NULL;
        bool is_known = false;

        for (size_t i = 0; i < COUNT(from_params) && !is_known; i++) {
            is_known = str_is_nocase(p.name, from_params[i].name);
            if (is_known)
                refusal = from_params[i].take(s, &p);
        }
        if (!is_known)
            refusal = unsupported(s, &p);
        if (refusal != NULL)
            return refusal;
    }
    return NULL;
}

// RFC 6531 3.4: such addresses need the client to say that it knows what it does.
static const char *check_utf8(const struct session *s, const char *address)
{
    if (s->mail->smtputf8_enable && s->mail->strict_smtputf8 && !s->msg.smtputf8 &&
        !str_is_ascii(str_c(address)))
        return "553 5.6.7 Must declare SMTPUTF8 to send unicode address";
    return NULL;
}

static const char *begin_mail(struct session *s, struct str args)
{
    const char *address = NULL, *refusal;

    refusal = parse_path(s, &args, "FROM:", "501 5.5.4 Syntax: MAIL FROM:<address>",
                         "501 5.1.7 Bad sender address syntax", "MAIL", &address);
    if (refusal == NULL)
        refusal = take_mail_params(s, args);
    if (refusal == NULL)
        refusal = check_utf8(s, address);
    if (refusal != NULL) {
        s->error_classes |= NOTIFY_PROTOCOL;
        return refusal;
    }
    if (s->msg.verp != NULL && address[0] == '\0')
        return "503 5.5.4 Error: XVERP requires non-null sender";
    s->msg.sender = address;
    refusal = check_mail(s, address);
    if (refusal == NULL)
        refusal = check_size(s, s->msg.size_declared);
    if (refusal == NULL && !s->cfg->smtpd_delay_open_until_valid_rcpt)
        refusal = intake_open(s);
    return refusal;
}

VERB(smtpd_mail)
{
    const char *refusal;

    if (s->cfg->smtpd_helo_required && s->helo == NULL)
        return protocol_error(s, "503 5.5.1 Error: send HELO/EHLO first");
    if (s->msg.has_sender)
        return protocol_error(s, "503 5.5.1 Error: nested MAIL command");
    if (s->msg.in_bdat)
        return protocol_error(s, "503 5.5.1 Error: MAIL after BDAT");
    s->message_count++;
    refusal = limits_mail(s);
    if (refusal != NULL)
        return REPLY(refusal);
    refusal = begin_mail(s, args);
    if (refusal != NULL) {
        refusal = arena_strdup(s->cmd_arena, refusal);
        session_reset_message(s);
        return REPLY(refusal);
    }
    s->msg.has_sender = true;
    return REPLY("250 2.1.0 Ok");
}

struct rcpt_params {
    int notify;
    const char *orcpt;
};

static const char *take_rcpt_params(struct session *s, struct str args,
                                    struct rcpt_params *found)
{
    struct esmtp_param p;

    while (esmtp_param_take(&args, &p)) {
        bool is_notify = str_is_nocase(p.name, "NOTIFY");

        if (!is_notify && !str_is_nocase(p.name, "ORCPT"))
            return unsupported(s, &p);
        if (s->ehlo_discard & EHLO_DSN)
            return "501 5.7.1 DSN support is disabled";
        if (is_notify && !dsn_notify_parse(p.value, &found->notify))
            return "501 5.5.4 Error: Bad NOTIFY parameter syntax";
        if (!is_notify && !dsn_orcpt_parse(s->msg_arena, p.value, &found->orcpt))
            return "501 5.5.4 Error: Bad ORCPT parameter syntax";
    }
    return NULL;
}

static void add_rcpt(struct session *s, const char *address,
                     const struct rcpt_params *params)
{
    struct rcpt_list *list = &s->msg.rcpts;

    if (list->len == list->room) {
        size_t room = list->room * 2 + 4;
        struct cleanup_rcpt *items = arena_array(s->msg_arena, room, sizeof(*items));

        if (list->len > 0)
            memcpy(items, list->items, list->len * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    list->items[list->len++] =
        (struct cleanup_rcpt){.address = address,
                              .orig = "",
                              .dsn_orcpt = params->orcpt == NULL ? "" : params->orcpt,
                              .dsn_notify = params->notify};
    s->msg.recipient = list->len == 1 ? address : NULL;
}

VERB(smtpd_rcpt)
{
    struct rcpt_params params = {0};
    const char *address = NULL, *refusal;

    if (!s->msg.has_sender)
        return protocol_error(s, "503 5.5.1 Error: need MAIL command");
    if (s->msg.in_bdat)
        return protocol_error(s, "503 5.5.1 Error: RCPT after BDAT");
    refusal = limits_rcpt(s);
    if (refusal != NULL)
        return REPLY(refusal);
    refusal = parse_path(s, &args, "TO:", "501 5.5.4 Syntax: RCPT TO:<address>",
                         "501 5.1.3 Bad recipient address syntax", "RCPT", &address);
    if (refusal == NULL && address[0] == '\0') {
        log_warn("Illegal address syntax from %s in RCPT command: <>", s->peer.namaddr);
        refusal = "501 5.1.3 Bad recipient address syntax";
    }
    if (refusal == NULL)
        refusal = take_rcpt_params(s, args, &params);
    if (refusal == NULL)
        refusal = check_utf8(s, address);
    if (refusal != NULL)
        return protocol_error(s, refusal);
    if (s->msg.rcpts.len >= (size_t)s->cfg->smtpd_recipient_limit) {
        s->error_classes |= NOTIFY_POLICY;
        // A mailing list is no attacker: only a flood of recipients in excess counts.
        bool is_flood =
            ++s->msg.refused_rcpts > (size_t)s->cfg->smtpd_recipient_overshoot_limit;

        return (struct reply){.text = "452 4.5.3 Error: too many recipients",
                              .forgiven = !is_flood};
    }
    refusal = check_rcpt(s, address, "RCPT");
    if (refusal == NULL && s->msg.queue_id == NULL)
        refusal = intake_open(s);
    if (refusal != NULL)
        return REPLY(refusal);
    add_rcpt(s, address, &params);
    return REPLY("250 2.1.5 Ok");
}
