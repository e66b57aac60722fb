// intake: handing a message over to cleanup(8): its file, envelope, headers of ours,
// verdict.
#include "smtpd/intake.h"
#include "mail/address.h"
#include "mail/mail_date.h"
#include "smtpd/checks.h"
#include "smtpd/sink.h"
#include "util/log.h"
#include "util/text.h"
#include <stdio.h>

static const char *or_unknown(const char *text)
{
    return text == NULL ? "unknown" : text;
}

static void log_client(struct session *s)
{
    struct buf *line = buf_make(s->msg_arena, 8192);

    buf_putf(line, "%s: client=%s", s->msg.queue_id, s->peer.namaddr);
    if (s->xforward.is_set && s->xforward.ident != NULL)
        buf_putf(line, ", orig_queue_id=%s", s->xforward.ident);
    if (s->xforward.is_set && (s->xforward.name != NULL || s->xforward.addr != NULL))
        buf_putf(line, ", orig_client=%s[%s]", or_unknown(s->xforward.name),
                 or_unknown(s->xforward.addr));
    log_info("%s", buf_text(line));
}

const char *intake_open(struct session *s)
{
    struct error err = {0};
    char id[64];

    if (!sink_begin(s, id, &err)) {
        log_warn("%s", err.text);
        s->error_classes |= NOTIFY_SOFTWARE;
        return "451 4.3.0 Error: queue file write error";
    }
    s->msg.queue_id = arena_strdup(s->msg_arena, id);
    log_client(s);
    return NULL;
}

struct attrs {
    struct cleanup_attr items[40];
    size_t len;
};

static void add_attr(struct attrs *attrs, const char *name, const char *value)
{
    ensure(attrs->len < COUNT(attrs->items));
    attrs->items[attrs->len++] = (struct cleanup_attr){.name = name, .value = value};
}

// The order is that of Postfix's queue files.
static void collect_attrs(struct session *s, struct attrs *attrs)
{
    const struct peer *peer = &s->peer;
    const struct xforward *x = &s->xforward;
    bool is_x = x->is_set;
    const char *name = is_x ? or_unknown(x->name) : peer->name;
    const char *addr = is_x ? or_unknown(x->addr) : peer->addr;
    const char *helo = is_x ? x->helo : s->helo;
    bool is_local = is_x && x->domain != NULL ? str_is_nocase(str_c(x->domain), "LOCAL")
                                              : check_is_local_client(s);

    add_attr(attrs, "rewrite_context", is_local ? "local" : "remote");
    add_attr(attrs, "log_client_name", name);
    add_attr(attrs, "log_client_address", addr);
    add_attr(attrs, "log_client_port", is_x ? or_unknown(x->port) : peer->port);
    add_attr(attrs, "log_message_origin", arena_printf(s->msg_arena, "%s[%s]", name, addr));
    if (helo != NULL)
        add_attr(attrs, "log_helo_name", helo);
    add_attr(attrs, "log_protocol_name", is_x && x->proto != NULL ? x->proto : s->protocol);
    add_attr(attrs, "client_name", peer->name);
    add_attr(attrs, "reverse_client_name", peer->reverse_name);
    add_attr(attrs, "client_address", peer->addr);
    add_attr(attrs, "client_port", peer->port);
    add_attr(attrs, "server_address", peer->server_addr);
    add_attr(attrs, "server_port", peer->server_port);
    if (s->helo != NULL)
        add_attr(attrs, "helo_name", s->helo);
    add_attr(attrs, "protocol_name", s->protocol);
    add_attr(attrs, "client_address_type", arena_printf(s->msg_arena, "%d", peer->family));
    if (is_x && x->ident != NULL)
        add_attr(attrs, "log_ident", x->ident);
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static void fill_envelope(struct session *s, struct attrs *attrs,
                          struct cleanup_envelope *env)
{
    const struct message *msg = &s->msg;
    struct moment now = moment_now();

    *env = (struct cleanup_envelope){
        .flags = s->server->cleanup_flags,
        .arrival_sec = now.sec,
        .arrival_usec = now.usec,
        .sender = msg->sender,
        .full_name = "",
        .filter = msg->filter != NULL ? msg->filter : s->mail->content_filter,
        .redirect = or_empty(msg->redirect),
        .envelope_id = or_empty(msg->envelope_id),
        .encoding = or_empty(msg->encoding),
        .verp = or_empty(msg->verp),
        .hold_reason = or_empty(msg->hold),
        .dsn_ret = msg->dsn_ret,
        .attrs = attrs == NULL ? NULL : attrs->items,
        .attrs_len = attrs == NULL ? 0 : attrs->len,
        .rcpts = msg->rcpts.items,
        .rcpts_len = msg->rcpts.len,
        .bcc = msg->bcc,
        .bcc_len = msg->bcc_len,
    };
    if (msg->hold != NULL)
        env->flags |= CLEANUP_HOLD;
    if (msg->discard != NULL)
        env->flags |= CLEANUP_DISCARD;
    if (msg->smtputf8)
        env->send_options |= SEND_SMTPUTF8_REQUESTED;
    else if (s->server->utf8_autodetect)
        env->flags |= CLEANUP_SMTPUTF8_AUTODETECT;
}

static const char *received_header(struct session *s)
{
    const struct message *msg = &s->msg;
    struct arena *arena = s->msg_arena;
    const char *proto = msg->smtputf8 ? "UTF8SMTP" : s->protocol;
    char date[MAIL_DATE_SIZE];
    const char *target =
        msg->rcpts.len == 1 && msg->recipient != NULL
            ? arena_printf(arena, "for <%s>; ", address_quote(arena, msg->recipient))
            : NULL;

    mail_date_format(date, moment_now().sec);
    if (s->cfg->smtpd_hide_client_session)
        return arena_printf(arena, "Received: by %s (%s) id %s%s\n\t%s%s\n",
                            s->mail->myhostname, s->mail->mail_name, msg->queue_id,
                            target == NULL ? ";" : "", or_empty(target), date);
    return arena_printf(
        arena, "Received: from %s (%s [%s])\n\tby %s (%s) with %s id %s%s\n\t%s%s\n",
        s->helo == NULL ? s->peer.name : s->helo, s->peer.name, s->peer.rfc_addr,
        s->mail->myhostname, s->mail->mail_name, proto, msg->queue_id,
        target == NULL ? ";" : "", or_empty(target), date);
}

static void send(struct session *s, struct str data)
{
    struct error err = {0};

    if (s->msg.cleanup_failed || sink_content(s, data, &err))
        return;
    log_warn("%s: %s", s->msg.queue_id, err.text);
    s->msg.cleanup_failed = true;
}

void intake_begin(struct session *s)
{
    struct attrs attrs = {0};
    struct cleanup_envelope env;
    struct error err = {0};

    collect_attrs(s, &attrs);
    fill_envelope(s, &attrs, &env);
    if (!sink_envelope(s, &env, &err)) {
        log_warn("%s: %s", s->msg.queue_id, err.text);
        s->msg.cleanup_failed = true;
    }
    for (size_t i = 0; i < s->msg.prepend_len; i++)
        send(s, str_c(arena_printf(s->msg_arena, "%s\n", s->msg.prepend[i])));
    send(s, str_c(received_header(s)));
    s->msg.content_begun = true;
    s->msg.at_first_line = true;
    s->msg.first_line = buf_make(s->msg_arena, 1 << 18);
}

// A mailbox's "From " line is no header: compat keeps it as X-Mailbox-Line. White space at
// the very start would continue our Received header, so an empty line goes before it.
static bool pass_first_line(struct session *s, struct str line)
{
    size_t quotes = 0;

    while (quotes < line.len && line.ptr[quotes] == '>')
        quotes++;
    if (str_starts_nocase(str_from(line, quotes), "From ")) {
        send(s, STR_LIT("X-Mailbox-Line: "));
        send(s, line);
        return true;
    }
    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
        send(s, STR_LIT("\n"));
    send(s, line);
    return false;
}

static void add_to_first_line(struct session *s, struct str data)
{
    struct buf *first = s->msg.first_line;

    if (!buf_append(first, data)) {
        s->msg.at_first_line = false; // far too long for a From line
        pass_first_line(s, buf_view(first));
        send(s, data);
        return;
    }
    for (;;) {
        struct str view = buf_view(first);
        size_t end = str_index(view, '\n');

        if (end == SIZE_MAX && view.len < 1000)
            return;
        if (end == SIZE_MAX || !pass_first_line(s, str_sub(view, 0, end + 1))) {
            s->msg.at_first_line = false;
            if (end == SIZE_MAX)
                pass_first_line(s, view);
            else
                send(s, str_from(view, end + 1));
            buf_clear(first);
            return;
        }
        buf_consume(first, end + 1);
    }
}

void intake_add(struct session *s, struct str data)
{
    int64_t limit = s->mail->message_size_limit;

    if (data.len == 0 || s->msg.too_big || s->msg.cleanup_failed)
        return;
    if (limit > 0 && s->msg.data.size > limit) {
        s->msg.too_big = true;
        return;
    }
    if (s->msg.at_first_line)
        add_to_first_line(s, data);
    else
        send(s, data);
}

static const struct {
    const char *text;
    unsigned class;
} verdicts[] = {
    [CLEANUP_BAD] = {"451 4.3.0 Error: internal error 1",         NOTIFY_SOFTWARE},
    [CLEANUP_WRITE_ERROR] = {"451 4.3.0 Error: queue file write error",   NOTIFY_RESOURCE},
    [CLEANUP_TOO_BIG] = {"552 5.3.4 Error: message file too big",     NOTIFY_POLICY  },
    [CLEANUP_REJECTED] = {"550 5.7.1 Error: message content rejected", NOTIFY_POLICY  },
    [CLEANUP_HOPS] = {"554 5.4.0 Error: too many hops",            NOTIFY_BOUNCE  },
    [CLEANUP_NO_RCPTS] = {"550 5.1.0 Error: no recipients specified",  NOTIFY_POLICY  },
    [CLEANUP_DEFERRED] = {"451 4.7.1 Error: service unavailable",      NOTIFY_POLICY  },
    [CLEANUP_PROXY] = {"451 4.3.0 Error: queue file write error",   NOTIFY_SOFTWARE},
};

// cleanup's reason is "5.7.1 text" or a whole reply; its first digit decides the code.
static const char *reason_text(struct session *s, const struct cleanup_result *result)
{
    const char *reason = result->reason;
    const char *standard = verdicts[result->status].text;

    if (reason == NULL || reason[0] == '\0')
        return standard;
    if (strspn(reason, "0123456789") == 3)
        return arena_strdup(s->cmd_arena, reason);
    if ((reason[0] == '4' || reason[0] == '5') && reason[1] == '.')
        return arena_printf(s->cmd_arena, "%s %s",
                            reason[0] == standard[0]
                                ? arena_text(s->cmd_arena, str_n(standard, 3))
                            : reason[0] == '4' ? "451"
                                               : "550",
                            reason);
    return arena_printf(s->cmd_arena, "%.9s %s", standard, reason);
}

static struct reply verdict_reply(struct session *s, const struct cleanup_result *result,
                                  bool is_bdat)
{
    if (result->status == CLEANUP_OK) {
        s->errors = 0;
        s->error_classes = 0;
        s->junk = 0;
        return is_bdat ? reply_printf(s, "250 2.0.0 Ok: %lld bytes queued as %s",
                                      (long long)s->msg.data.size, s->msg.queue_id)
                       : reply_printf(s, "250 2.0.0 Ok: queued as %s", s->msg.queue_id);
    }
    if (result->status < 0 || result->status >= (int64_t)COUNT(verdicts)) {
        s->error_classes |= NOTIFY_SOFTWARE;
        return reply_printf(s, "451 4.3.0 Error: internal error %lld",
                            (long long)result->status);
    }
    s->error_classes |= verdicts[result->status].class;
    return REPLY(reason_text(s, result));
}

struct reply intake_commit(struct session *s, bool is_bdat)
{
    struct cleanup_envelope env;
    struct cleanup_result result = {.reason = ""};
    struct error err = {0};
    struct reply reply;
    const char *refusal;

    if (s->msg.at_first_line && buf_len(s->msg.first_line) > 0)
        pass_first_line(s, buf_view(s->msg.first_line));
    s->msg.at_first_line = false;
    refusal = s->msg.too_big ? NULL : check_end_of_data(s);
    if (refusal != NULL) {
        reply = REPLY(arena_strdup(s->cmd_arena, refusal));
        session_reset_message(s);
        return reply;
    }
    fill_envelope(s, NULL, &env);
    if (s->msg.too_big) {
        log_warn("%s: queue file size limit exceeded", s->msg.queue_id);
        result.status = CLEANUP_TOO_BIG;
    } else if (s->msg.cleanup_failed || !sink_commit(s, &env, &result, &err)) {
        if (!s->msg.cleanup_failed)
            log_warn("%s: %s", s->msg.queue_id, err.text);
        result = (struct cleanup_result){.status = CLEANUP_WRITE_ERROR, .reason = ""};
    } else {
        reply = verdict_reply(s, &result, is_bdat);
        s->msg.queue_id = NULL; // cleanup has finished with it, nothing is left to abort
        session_reset_message(s);
        return reply;
    }
    reply = verdict_reply(s, &result, is_bdat);
    session_reset_message(s);
    return reply;
}
