// transaction: one message over a session: XFORWARD, MAIL, RCPT, DATA, content, replies.
#include "smtp/transaction.h"
#include "mail/address.h"
#include "proto/xtext.h"
#include "smtp/content.h"
#include "smtp/generic.h"
#include "util/log.h"
#include <time.h>

// Commands that wait for their replies hold at most so many bytes: a server that sends
// replies and does not read on must never be waited for.
enum { PIPELINE_MAX = 16384 };

// Records of a queue file have at most 1 MiB; quoting makes up to three bytes of one.
enum { MAIL_MAX = 8 << 20 };

enum step_kind { STEP_XFORWARD, STEP_MAIL, STEP_RCPT, STEP_DATA };

struct step {
    enum step_kind kind;
    size_t rcpt;
    const char *line;
    size_t len;
};

struct transaction {
    struct job *job;
    struct session *s;
    struct step *steps;
    size_t steps_len, sent, answered;
    size_t in_flight; // bytes of commands without reply
    bool *accepted;   // by recipient
    size_t accepted_len;
    bool refused;  // MAIL or XFORWARD: the rest is pointless
    bool may_send; // DATA was answered with 354
    bool is_probe, utf8, dsn;
};

static struct duration stage_timeout(const struct smtp_config *cfg, enum step_kind kind)
{
    switch (kind) {
    case STEP_XFORWARD:
        return cfg->xforward_timeout;
    case STEP_MAIL:
        return cfg->mail_timeout;
    case STEP_RCPT:
        return cfg->rcpt_timeout;
    case STEP_DATA:
        return cfg->data_init_timeout;
    }
    return cfg->mail_timeout;
}

static const char *stage_doing(enum step_kind kind)
{
    static const char *const doing[] = {
        [STEP_XFORWARD] = "sending XFORWARD name/address",
        [STEP_MAIL] = "sending MAIL FROM",
        [STEP_RCPT] = "sending RCPT TO",
        [STEP_DATA] = "sending DATA command",
    };

    return doing[kind];
}

static void add_step(struct transaction *t, enum step_kind kind, size_t rcpt,
                     const char *line)
{
    t->steps[t->steps_len++] = (struct step){kind, rcpt, line, strlen(line) + 2};
}

static const char *quoted(const struct transaction *t, const char *address)
{
    return t->s->c->cfg->quote_rfc821_envelope && address[0] != '\0'
               ? address_quote(t->job->arena, address)
               : address;
}

static void add_xforward(struct transaction *t)
{
    const struct delivery_request *req = t->job->req;
    bool is_local = strcmp(req->rewrite_context, "local") == 0;
    const char *ident = req->log_ident[0] != '\0' ? req->log_ident : req->queue_id;
    const struct {
        unsigned feature;
        const char *name, *value;
        bool second; // of two commands, so that none gets too long
    } rows[] = {
        {FEATURE_XFORWARD_NAME,   "NAME",   req->client_name,              false},
        {FEATURE_XFORWARD_ADDR,   "ADDR",   req->client_address,           false},
        {FEATURE_XFORWARD_PORT,   "PORT",   req->client_port,              false},
        {FEATURE_XFORWARD_PROTO,  "PROTO",  req->client_proto,             true },
        {FEATURE_XFORWARD_HELO,   "HELO",   req->client_helo,              true },
        {FEATURE_XFORWARD_IDENT,  "IDENT",  ident,                         true },
        {FEATURE_XFORWARD_SOURCE, "SOURCE", is_local ? "LOCAL" : "REMOTE", true },
    };
    struct arena *arena = t->job->arena;

    if (!t->s->c->cfg->send_xforward_command)
        return;
    for (int command = 0; command < 2; command++) {
        const char *line = "XFORWARD";
        bool has_any = false;

        for (size_t i = 0; i < COUNT(rows); i++) {
            if (!(t->s->features & rows[i].feature) || rows[i].second != (command == 1))
                continue;
            const char *value = rows[i].value[0] != '\0'
                                    ? xtext_encode(arena, str_c(rows[i].value), "")
                                    : "[UNAVAILABLE]";
            line = arena_printf(arena, "%s %s=%s", line, rows[i].name, value);
            has_any = true;
        }
        if (has_any)
            add_step(t, STEP_XFORWARD, 0, line);
    }
}

static bool add_mail(struct transaction *t, struct error *err)
{
    const struct delivery_request *req = t->job->req;
    struct arena *arena = t->job->arena;
    const char *sender;
    unsigned features = t->s->features;

    if (!generic_address(t->s->c, arena, req->sender, &sender, err))
        return false;
    struct buf *line = buf_make(arena, MAIL_MAX);
    buf_putf(line, "MAIL FROM:<%s>", quoted(t, sender));
    if (features & FEATURE_SIZE)
        buf_putf(line, " SIZE=%lld", (long long)req->data_size);
    if ((features & FEATURE_8BITMIME) && strcmp(req->encoding, "8bit") == 0)
        buf_put_c(line, " BODY=8BITMIME");
    else if ((features & FEATURE_8BITMIME) && strcmp(req->encoding, "7bit") == 0)
        buf_put_c(line, " BODY=7BIT");
    if (t->utf8)
        buf_put_c(line, " SMTPUTF8");
    if (t->dsn && req->envelope_id[0] != '\0')
        buf_putf(line, " ENVID=%.*s", 1024,
                 xtext_encode(arena, str_c(req->envelope_id), ""));
    if (t->dsn && req->dsn_ret != DSN_RET_NONE)
        buf_put_c(line, req->dsn_ret == DSN_RET_FULL ? " RET=FULL" : " RET=HDRS");
    if (t->s->c->cfg->send_dummy_mail_auth && (features & FEATURE_AUTH))
        buf_put_c(line, " AUTH=<>");
    add_step(t, STEP_MAIL, 0, buf_text(line));
    return true;
}

static const char *notify_text(struct arena *arena, int64_t notify)
{
    if (notify & DSN_NEVER)
        return "NEVER";
    const char *text = arena_printf(arena, "%s%s%s", notify & DSN_SUCCESS ? ",SUCCESS" : "",
                                    notify & DSN_FAILURE ? ",FAILURE" : "",
                                    notify & DSN_DELAY ? ",DELAY" : "");

    return text + 1;
}

// RFC 3461 4.2: "type;address", the address as xtext. Without one of the client's own it is
// the address before any rewriting.
static const char *orcpt_text(struct arena *arena, const struct delivery_rcpt *rcpt)
{
    struct str given = str_c(rcpt->dsn_orcpt);
    size_t semicolon = str_index(given, ';');

    if (semicolon != SIZE_MAX)
        return arena_printf(arena, "%.*s;%s", (int)semicolon, given.ptr,
                            xtext_encode(arena, str_from(given, semicolon + 1), ""));
    if (rcpt->orig[0] == '\0')
        return NULL;
    return arena_printf(arena, "rfc822;%s",
                        xtext_encode(arena, str_c(address_quote(arena, rcpt->orig)), ""));
}

static bool add_rcpt(struct transaction *t, size_t i, struct error *err)
{
    const struct delivery_rcpt *rcpt = &t->job->req->rcpts[i];
    struct arena *arena = t->job->arena;
    const char *address, *orcpt;

    if (!generic_address(t->s->c, arena, rcpt->address, &address, err))
        return false;
    const char *line = arena_printf(arena, "RCPT TO:<%s>", quoted(t, address));
    if (t->dsn && (orcpt = orcpt_text(arena, rcpt)) != NULL)
        line = arena_printf(arena, "%s ORCPT=%s", line, orcpt);
    if (t->dsn && rcpt->dsn_notify != 0)
        line =
            arena_printf(arena, "%s NOTIFY=%s", line, notify_text(arena, rcpt->dsn_notify));
    add_step(t, STEP_RCPT, i, line);
    return true;
}

static bool plan(struct transaction *t, struct error *err)
{
    struct job *j = t->job;

    t->steps = arena_array(j->arena, j->req->rcpts_len + 4, sizeof *t->steps);
    t->accepted = arena_array(j->arena, j->req->rcpts_len + 1, sizeof *t->accepted);
    add_xforward(t);
    if (!add_mail(t, err))
        return false;
    for (size_t i = 0; i < j->req->rcpts_len; i++)
        if (job_is_open(j, i) && !add_rcpt(t, i, err))
            return false;
    if (!t->is_probe || j->c->verify_by_data)
        add_step(t, STEP_DATA, 0, "DATA");
    return true;
}

// With PIPELINING a window of commands; without, one at a time, and no DATA for nobody.
static void send_more(struct transaction *t)
{
    bool pipelining = t->s->features & FEATURE_PIPELINING;
    // Half a window is let run empty first, so that each write carries many commands.
    size_t limit = t->in_flight > PIPELINE_MAX / 2 ? 0 : PIPELINE_MAX;

    while (t->sent < t->steps_len && !t->refused) {
        const struct step *step = &t->steps[t->sent];

        if (pipelining ? t->in_flight > 0 && t->in_flight + step->len > limit
                       : t->sent > t->answered)
            return;
        if (!pipelining && step->kind == STEP_DATA && t->accepted_len == 0)
            return;
        session_command(t->s, str_n(step->line, step->len - 2));
        t->in_flight += step->len;
        t->sent++;
    }
}

static void take_rcpt(struct transaction *t, size_t rcpt, const struct smtp_reply *reply)
{
    if (reply->code / 100 != 2) {
        job_fail(t->job, rcpt, failure_from_reply(t->job, reply, "RCPT TO command"));
        return;
    }
    t->accepted[rcpt] = true;
    t->accepted_len++;
    if (t->is_probe && !t->job->c->verify_by_data)
        job_sent(t->job, rcpt, reply);
}

static void take_data(struct transaction *t, const struct smtp_reply *reply)
{
    if (reply->code / 100 == 3) {
        t->may_send = true;
        return;
    }
    if (t->accepted_len > 0)
        job_fail_open(t->job, failure_from_reply(t->job, reply, "DATA command"));
}

static void take_reply(struct transaction *t, const struct step *step,
                       const struct smtp_reply *reply)
{
    switch (step->kind) {
    case STEP_XFORWARD: // a courtesy: mail goes without it
        if (reply->code / 100 != 2)
            log_warn("host %s said: %s (in reply to XFORWARD command)", t->s->peer,
                     reply->text);
        break;
    case STEP_MAIL:
        if (reply->code / 100 == 2)
            break;
        t->refused = true;
        job_fail_open(t->job, failure_from_reply(t->job, reply, "MAIL FROM command"));
        break;
    case STEP_RCPT:
        if (!t->refused)
            take_rcpt(t, step->rcpt, reply);
        break;
    case STEP_DATA:
        take_data(t, reply);
        break;
    }
}

static bool lost(struct transaction *t, const struct error *err)
{
    job_fail_open(t->job, failure_make(t->job, err, true));
    return false;
}

// All commands up to the reply to DATA.
static bool exchange_envelope(struct transaction *t)
{
    struct error err;

    for (;;) {
        struct smtp_reply reply;

        send_more(t);
        if (t->answered == t->sent)
            return true;
        const struct step *step = &t->steps[t->answered];
        if (!session_reply(t->s, t->job->arena, stage_timeout(t->s->c->cfg, step->kind),
                           stage_doing(step->kind), &reply, &err))
            return lost(t, &err);
        t->answered++;
        t->in_flight -= step->len;
        take_reply(t, step, &reply);
        t->s->ending = t->s->ending || reply.code == 421; // RFC 5321 3.8
    }
}

// Old firewalls lose a dot that does not come in a packet of its own.
static void delay_dot(struct transaction *t)
{
    struct timespec delay = {.tv_sec = t->s->c->cfg->pix_workaround_delay_time.seconds};

    (void)stream_flush(t->s->io);
    while (nanosleep(&delay, &delay) != 0)
        continue;
}

static const char *prepend_text(const struct transaction *t)
{
    const struct delivery_request *req = t->job->req;
    const struct delivery_rcpt *rcpt = req->rcpts_len > 0 ? &req->rcpts[0] : NULL;
    unsigned prepend = t->s->c->prepend;
    struct arena *arena = t->job->arena;
    const char *text = "";

    if (prepend & PREPEND_RETURN_PATH)
        text =
            arena_printf(arena, "Return-Path: <%s>\n",
                         req->sender[0] != '\0' ? address_quote(arena, req->sender) : "");
    if ((prepend & PREPEND_ORIGINAL_TO) && rcpt != NULL)
        text = arena_printf(arena, "%sX-Original-To: %s\n", text,
                            rcpt->orig[0] != '\0' ? address_quote(arena, rcpt->orig)
                                                  : address_quote(arena, rcpt->address));
    if ((prepend & PREPEND_DELIVERED_TO) && rcpt != NULL)
        text = arena_printf(arena, "%sDelivered-To: %s\n", text,
                            address_quote(arena, rcpt->address));
    return text;
}

// Content and its final dot.
static bool send_content(struct transaction *t, bool keep, struct error *err)
{
    struct job *j = t->job;
    bool to_7bit = !(t->s->features & FEATURE_8BITMIME) &&
                   strcmp(j->req->encoding, "8bit") == 0 &&
                   !t->s->c->cfg->disable_mime_output_conversion;

    // A server that took DATA for nobody gets nothing but the dot (RFC 2920 3.1); so does
    // one that is only asked whether it would take a message (it never gets to the dot's
    // reply).
    if (t->accepted_len > 0) {
        switch (
            content_send(t->s, j->arena, j->d->fd, j->req, prepend_text(t), to_7bit, err)) {
        case CONTENT_SENT:
            break;
        case CONTENT_LOST:
            return lost(t, err);
        case CONTENT_FAILED:
            j->last_host = true; // it would be the same with any other
            job_fail_open(j, failure_make(j, err, false));
            return false;
        }
        if (t->s->pix & PIX_DELAY_DOTCRLF)
            delay_dot(t);
    }
    session_command(t->s, STR_LIT("."));
    if (!keep && (t->s->features & FEATURE_PIPELINING)) {
        session_command(t->s, STR_LIT("QUIT"));
        t->s->said_quit = true;
    }
    return true;
}

static void take_verdict(struct transaction *t, size_t rcpt, const struct smtp_reply *reply)
{
    if (reply->code / 100 == 2)
        job_sent(t->job, rcpt, reply);
    else
        job_fail(t->job, rcpt, failure_from_reply(t->job, reply, "end of DATA command"));
}

// One reply to the dot. A server may well say 221 there. But where QUIT was sent along it
// could be the answer to that, and the dot's be missing: only a second reply makes it sure.
static bool read_verdict(struct transaction *t, struct smtp_reply *reply, struct error *err)
{
    static const char doing[] = "sending end of data -- message may be sent more than once";
    const struct smtp_config *cfg = t->job->c->cfg;
    struct arena *arena = t->job->arena;
    struct smtp_reply second;

    if (!session_reply(t->s, arena, cfg->data_done_timeout, doing, reply, err))
        return false;
    t->s->ending = t->s->ending || reply->code == 421 || reply->code == 221;
    if (reply->code != 221 || !t->s->said_quit)
        return true;
    // In LMTP the next reply may be that for the next recipient.
    return (!t->job->c->lmtp &&
            session_reply(t->s, arena, cfg->quit_timeout, "sending QUIT", &second, err)) ||
           session_failed(t->s, STREAM_EOF, doing, err);
}

// SMTP: one reply for all. LMTP: one for each recipient that was accepted (RFC 2033 4.2).
static bool take_verdicts(struct transaction *t)
{
    struct job *j = t->job;
    struct smtp_reply reply;
    struct error err;
    bool have = false;

    // It took DATA for nobody; what it says about that is nobody's.
    if (t->accepted_len == 0)
        return read_verdict(t, &reply, &err);
    for (size_t i = 0; i < j->req->rcpts_len; i++) {
        if (!t->accepted[i] || !job_is_open(j, i))
            continue;
        if ((!have || j->c->lmtp) && !read_verdict(t, &reply, &err))
            return lost(t, &err);
        if (!have && !j->c->lmtp && reply.code / 100 != 2) {
            job_fail_open(j, failure_from_reply(j, &reply, "end of DATA command"));
            return true;
        }
        have = true;
        take_verdict(t, i, &reply);
    }
    return true;
}

bool transaction_reset(struct session *s, struct arena *arena, struct error *err)
{
    struct smtp_reply reply;

    session_command(s, STR_LIT("RSET"));
    if (!session_reply(s, arena, s->c->cfg->rset_timeout, "sending final RSET", &reply,
                       err))
        return false;
    s->dirty = false;
    return reply.code / 100 == 2;
}

// What the peer would have to have, for this message; true when it may be sent.
static bool peer_suffices(struct transaction *t)
{
    const struct delivery_request *req = t->job->req;
    const int64_t needs_utf8 =
        SEND_SMTPUTF8_HEADER | SEND_SMTPUTF8_SENDER | SEND_SMTPUTF8_RECIPIENT;
    struct session *s = t->s;
    struct error err;

    t->utf8 = (s->features & FEATURE_SMTPUTF8) && (req->send_options & needs_utf8);
    if (s->c->mail->smtputf8_enable && (req->send_options & needs_utf8) && !t->utf8) {
        (void)error_perm(&err, "5.6.7",
                         "SMTPUTF8 is required, but was not offered by host %s", s->peer);
        job_fail_open(t->job, failure_make(t->job, &err, false));
        return false;
    }
    if (s->size_limit > 0 && req->data_size > 0 &&
        (uint64_t)req->data_size > s->size_limit) {
        (void)error_perm(
            &err, "5.3.4", "message size %lld exceeds size limit %llu of server %s",
            (long long)req->data_size, (unsigned long long)s->size_limit, s->peer);
        job_fail_open(t->job, failure_make(t->job, &err, false));
        return false;
    }
    return true;
}

bool transaction_run(struct job *j, bool keep)
{
    struct transaction t = {.job = j, .s = j->s};
    struct error err;

    t.is_probe = j->req->flags & DELIVERY_VERIFY;
    t.dsn = (j->s->features & FEATURE_DSN) && !j->c->cfg->assume_final;
    if (!peer_suffices(&t))
        return true;
    if (!plan(&t, &err)) {
        j->last_host = true;
        job_fail_open(j, failure_make(j, &err, false));
        return true;
    }
    j->s->dirty = true;
    if (!exchange_envelope(&t))
        return false;
    if (t.is_probe && t.may_send) {
        struct smtp_reply yes = {354, "2.0.0", "354 the server would take the message"};

        for (size_t i = 0; i < j->req->rcpts_len; i++)
            if (t.accepted[i] && job_is_open(j, i))
                job_sent(j, i, &yes);
        return false; // the only way out of DATA without a message
    }
    if (!t.may_send)
        return true;
    if (!send_content(&t, keep, &err) || !take_verdicts(&t))
        return false;
    j->s->dirty = false;
    return true;
}
