// rules: judging a restriction list, and wording the verdicts.
#include "smtpd/rules.h"
#include "smtpd/smtpd_log.h"
#include "util/log.h"
#include "util/text.h"
#include <stdarg.h>
#include <stdio.h>

#define RULES_NESTING_MAX 20 // access results that name lists that name tables ...

static const enum subject stage_subject[] = {
    [STAGE_CLIENT] = SUBJECT_CLIENT, [STAGE_HELO] = SUBJECT_HELO,
    [STAGE_SENDER] = SUBJECT_SENDER, [STAGE_RECIPIENT] = SUBJECT_RECIPIENT,
    [STAGE_DATA] = SUBJECT_DATA,     [STAGE_END_OF_DATA] = SUBJECT_END_OF_DATA,
    [STAGE_ETRN] = SUBJECT_ETRN,
};

static const char *const class_names[] = {
    [SUBJECT_STAGE] = "",
    [SUBJECT_CLIENT] = "Client host",
    [SUBJECT_REVERSE_CLIENT] = "Unverified Client host",
    [SUBJECT_CCERT] = "Client certificate",
    [SUBJECT_SASL] = "SASL login name",
    [SUBJECT_HELO] = "Helo command",
    [SUBJECT_SENDER] = "Sender address",
    [SUBJECT_RECIPIENT] = "Recipient address",
    [SUBJECT_ETRN] = "Etrn command",
    [SUBJECT_DATA] = "Data command",
    [SUBJECT_END_OF_DATA] = "End-of-data",
};

enum subject check_subject(const struct check *c, const struct rule *r)
{
    return r->kind->subject != SUBJECT_STAGE ? r->kind->subject : stage_subject[c->stage];
}

const char *subject_class(enum subject subject)
{
    return class_names[subject];
}

const char *subject_text(const struct check *c, enum subject subject)
{
    const struct session *s = c->s;

    switch (subject) {
    case SUBJECT_CLIENT:
        return s->peer.namaddr;
    case SUBJECT_REVERSE_CLIENT:
        return s->peer.reverse_name;
    case SUBJECT_HELO:
        return s->helo == NULL ? "" : s->helo;
    case SUBJECT_SENDER:
        return c->sender == NULL ? "" : c->sender;
    case SUBJECT_RECIPIENT:
        return c->recipient == NULL ? "" : c->recipient;
    case SUBJECT_ETRN:
        return s->etrn_domain == NULL ? "" : s->etrn_domain;
    case SUBJECT_DATA:
        return "DATA";
    case SUBJECT_END_OF_DATA:
        return "END-OF-MESSAGE";
    default:
        return "";
    }
}

// A status about an address says whose: 5.1.1 is a recipient's, 5.1.7 and 5.1.8 a sender's.
static const char *address_detail(enum subject subject, long code, const char *detail)
{
    static const struct {
        const char *rcpt, *sender;
    } pairs[] = {
        {"1.1", "1.7"},
        {"1.2", "1.8"},
        {"1.3", "1.7"}
    };

    for (size_t i = 0; i < COUNT(pairs); i++) {
        const char *from = pairs[i].rcpt, *to = pairs[i].sender;

        if (subject == SUBJECT_RECIPIENT && i > 0) {
            from = pairs[i].sender;
            to = pairs[i].rcpt;
        } else if (subject != SUBJECT_SENDER) {
            continue;
        }
        if (strcmp(detail, from) != 0)
            continue;
        log_info("mapping DSN status %ld.%s into %s status %ld.%s", code / 100, from,
                 subject_class(subject), code / 100, to);
        return to;
    }
    return detail;
}

static const char *compose(struct check *c, enum subject subject, long code,
                           const char *dsn, const char *text)
{
    if (code < 400 || code > 599) {
        log_warn("SMTP reply code configuration error: %ld", code);
        code = 450;
    }
    if (c->s->mail->soft_bounce && code >= 500)
        code -= 100;
    return arena_printf(c->s->msg_arena, "%ld %ld.%s %s", code, code / 100,
                        address_detail(subject, code, dsn + 2), text);
}

static const char *compose_list(struct check *c, enum subject subject, long code,
                                const char *dsn, const char *fmt, va_list args)
{
    return compose(c, subject, code, dsn, arena_vprintf(c->s->msg_arena, fmt, args));
}

struct verdict reject_with(struct check *c, enum subject subject, long code,
                           const char *dsn, const char *fmt, ...)
{
    struct verdict v = {.action = VERDICT_REJECT};
    va_list args;

    va_start(args, fmt);
    v.reply = compose_list(c, subject, code, dsn, fmt, args);
    va_end(args);
    return v;
}

struct verdict defer_if_permit(struct check *c, enum subject subject, long code,
                               const char *dsn, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (c->if_permit.reply == NULL) // the first reason is the one the client is told
        c->if_permit =
            (struct deferral){compose_list(c, subject, code, dsn, fmt, args), c->where};
    va_end(args);
    return DUNNO;
}

struct verdict defer_if_reject(struct check *c, enum subject subject, long code,
                               const char *dsn, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (c->if_reject.reply == NULL)
        c->if_reject =
            (struct deferral){compose_list(c, subject, code, dsn, fmt, args), c->where};
    va_end(args);
    return DUNNO;
}

struct verdict defer_by_action(struct check *c, const char *action, enum subject subject,
                               long code, const char *dsn, const char *text)
{
    if (strcmp(action, "defer") == 0)
        return reject_with(c, subject, code, dsn, "%s", text);
    return defer_if_permit(c, subject, code, dsn, "%s", text);
}

struct verdict reject_table_error(struct check *c, const char *title,
                                  const struct error *err)
{
    const struct session *s = c->s;

    log_warn("%s: %s", title, err->text);
    c->s->error_classes |= NOTIFY_SOFTWARE;
    return reject_with(c, SUBJECT_STAGE, 451, "4.3.0", "<%s>: Temporary lookup failure",
                       c->recipient != NULL ? c->recipient
                       : c->sender != NULL  ? c->sender
                                            : s->peer.namaddr);
}

struct verdict reject_config_error(struct check *c)
{
    c->s->error_classes |= NOTIFY_SOFTWARE;
    return reject_with(c, SUBJECT_STAGE, 451, "4.3.5", "Server configuration error");
}

struct verdict reject_access_error(struct check *c, enum subject subject, const char *table,
                                   const struct error *err)
{
    log_warn("%s", err->text);
    log_warn("%s lookup error for \"%s\"", table, subject_text(c, subject));
    return reject_with(c, subject, 451, "4.3.5",
                       "<%s>: %s rejected: Server configuration error",
                       subject_text(c, subject), subject_class(subject));
}

bool check_resolve(struct check *c, const char *address, struct resolved *resolved)
{
    struct session *s = c->s;
    const char *rewritten;
    struct error err = {0};

    if (!rewrite_addresses(s->server->rewriter, s->msg_arena, REWRITE_LOCAL, &address, 1,
                           &rewritten, &err) ||
        !resolve_addresses(s->server->rewriter, s->msg_arena,
                           s->msg.sender == NULL ? "" : s->msg.sender, &rewritten, 1,
                           resolved, &err)) {
        log_warn("%s: address resolution failed: %s", address, err.text);
        return false;
    }
    return !(resolved->flags & RESOLVE_FAILED);
}

// smtpd_log_access_permit_actions names the kinds of rule whose permit is worth a line.
static void log_permit(struct check *c, const struct rule *r)
{
    struct session *s = c->s;
    struct error err;

    if (s->server->permit_logging == NULL ||
        match_list_find(s->server->permit_logging, r->kind->name, NULL, &err) != MATCH_YES)
        return;
    enum subject subject = check_subject(c, r);

    smtpd_log_verdict(s, "permit", c->where, c->recipient,
                      arena_printf(s->msg_arena, "action=%s for %s=%s", r->kind->name,
                                   subject_class(subject), subject_text(c, subject)));
}

static struct verdict judge_one(struct check *c, const struct rule *r)
{
    if (!r->warn_only)
        return r->kind->judge(c, r);
    struct deferral if_permit = c->if_permit, if_reject = c->if_reject;
    struct verdict v = r->kind->judge(c, r);
    const char *reply = v.action == VERDICT_REJECT ? v.reply
                        : if_permit.reply == NULL  ? c->if_permit.reply
                                                   : NULL;

    if (v.action == VERDICT_PERMIT)
        return v;
    if (reply != NULL)
        smtpd_log_verdict(c->s, "reject_warning", c->where, c->recipient, reply);
    c->if_permit = if_permit;
    c->if_reject = if_reject;
    return DUNNO;
}

struct verdict rules_judge(const struct rules *rules, struct check *c)
{
    struct verdict v = DUNNO;

    if (rules == NULL)
        return DUNNO;
    if (c->depth >= RULES_NESTING_MAX) {
        log_warn("restriction lists are nested too deeply at %s", c->where);
        return reject_config_error(c);
    }
    c->depth++;
    for (size_t i = 0; i < rules->len && v.action == VERDICT_DUNNO && !c->s->hang_up; i++) {
        v = judge_one(c, &rules->items[i]);
        if (v.action == VERDICT_PERMIT)
            log_permit(c, &rules->items[i]);
    }
    c->depth--;
    return v;
}
