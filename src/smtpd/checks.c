// checks: which restriction lists are judged at which command, and what comes of it.
#include "smtpd/checks.h"
#include "smtpd/rules.h"
#include "smtpd/smtpd_log.h"
#include "util/log.h"
#include <errno.h>
#include <sys/statvfs.h>

static const char *only_recipient(const struct session *s)
{
    return s->msg.rcpts.len == 1 ? s->msg.recipient : NULL;
}

// The final word: deferrals that wait for it, the log line, the counters.
static const char *settle(struct check *c, struct verdict v)
{
    const char *reply = v.action == VERDICT_REJECT ? v.reply : c->if_permit.reply;

    if (v.action == VERDICT_REJECT && reply[0] == '5' && c->if_reject.reply != NULL)
        reply = c->if_reject.reply;
    if (reply == NULL)
        return NULL;
    smtpd_log_verdict(c->s, "reject", c->where, c->recipient, reply);
    c->s->error_classes |= NOTIFY_POLICY;
    return reply;
}

static struct check begin(struct session *s, enum rule_stage stage, const char *where,
                          const char *recipient)
{
    return (struct check){.s = s,
                          .stage = stage,
                          .where = where,
                          .sender = s->msg.sender,
                          .recipient = recipient};
}

static struct verdict judge(struct check *c, enum rule_stage stage,
                            const struct rules *rules)
{
    c->stage = stage;
    return rules_judge(rules, c);
}

// With smtpd_delay_reject=no a list is judged at its own command, and what it deferred is
// remembered until RCPT.
static const char *judge_early(struct session *s, enum rule_stage stage, const char *where,
                               const struct rules *rules)
{
    struct check c = begin(s, stage, where, NULL);
    struct verdict v;
    struct deferral if_permit;

    c.if_permit = s->defer_if_permit;
    c.if_reject = s->defer_if_reject;
    v = rules_judge(rules, &c);
    if_permit = c.if_permit;
    c.if_permit.reply = NULL;
    const char *reply = settle(&c, v);

    if (reply == NULL) {
        // The message arena may be gone by then.
        if (if_permit.reply != NULL)
            s->defer_if_permit =
                (struct deferral){arena_strdup(s->arena, if_permit.reply), where};
        if (c.if_reject.reply != NULL)
            s->defer_if_reject =
                (struct deferral){arena_strdup(s->arena, c.if_reject.reply), where};
    }
    return reply;
}

const char *check_connect(struct session *s)
{
    if (s->cfg->smtpd_delay_reject || s->server->client_rules == NULL)
        return NULL;
    return judge_early(s, STAGE_CLIENT, s->where, s->server->client_rules);
}

const char *check_helo(struct session *s, const char *where)
{
    if (s->cfg->smtpd_delay_reject || s->server->helo_rules == NULL)
        return NULL;
    return judge_early(s, STAGE_HELO, where, s->server->helo_rules);
}

const char *check_mail(struct session *s, const char *sender)
{
    struct check c = begin(s, STAGE_SENDER, "MAIL", NULL);
    struct verdict v = DUNNO;

    if (s->cfg->smtpd_delay_reject)
        return NULL;
    c.if_permit = s->defer_if_permit;
    c.if_reject = s->defer_if_reject;
    v = rules_judge(s->server->sender_rules, &c);
    if (v.action != VERDICT_REJECT && s->cfg->smtpd_reject_unlisted_sender &&
        sender[0] != '\0') {
        struct verdict unlisted = unlisted_sender(&c, sender);

        v = unlisted.action == VERDICT_REJECT ? unlisted : v;
    }
    struct deferral if_permit = c.if_permit;

    c.if_permit.reply = NULL;
    const char *reply = settle(&c, v);

    if (reply == NULL) {
        s->defer_if_permit = if_permit;
        s->defer_if_reject = c.if_reject;
    }
    return reply;
}

// The lists that smtpd_delay_reject put off.
static struct verdict judge_delayed(struct check *c, bool with_sender)
{
    struct session *s = c->s;
    struct verdict v;

    if (!s->cfg->smtpd_delay_reject) {
        c->if_permit = s->defer_if_permit;
        c->if_reject = s->defer_if_reject;
        return DUNNO;
    }
    v = judge(c, STAGE_CLIENT, s->server->client_rules);
    if (v.action != VERDICT_REJECT)
        v = judge(c, STAGE_HELO, s->server->helo_rules);
    if (v.action != VERDICT_REJECT && with_sender) {
        v = judge(c, STAGE_SENDER, s->server->sender_rules);
        if (v.action != VERDICT_REJECT && s->cfg->smtpd_reject_unlisted_sender &&
            c->sender != NULL && c->sender[0] != '\0')
            v = unlisted_sender(c, c->sender);
    }
    return v;
}

static struct verdict judge_recipient(struct check *c)
{
    const struct smtpd *server = c->s->server;
    bool relay_first = c->s->cfg->smtpd_relay_before_recipient_restrictions;
    const struct rules *first = relay_first ? server->relay_rules : server->recipient_rules;
    const struct rules *second =
        relay_first ? server->recipient_rules : server->relay_rules;
    struct verdict v = judge(c, STAGE_RECIPIENT, first);

    return v.action == VERDICT_REJECT ? v : judge(c, STAGE_RECIPIENT, second);
}

const char *check_rcpt(struct session *s, const char *recipient, const char *where)
{
    struct check c = begin(s, STAGE_RECIPIENT, where, recipient);
    struct verdict v;

    // RFC 5321 4.5.1: <postmaster> is always there to be told of trouble.
    if (strcasecmp(recipient, "postmaster") == 0)
        return NULL;
    // Nothing closes this relay: without this answer anybody could use it.
    if (s->server->is_open_relay) {
        log_error("in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, "
                  "specify at least one working instance of: reject_unauth_destination, "
                  "defer_unauth_destination, reject, defer, defer_if_permit or "
                  "check_relay_domains");
        return settle(&c, reject_config_error(&c));
    }
    v = judge_delayed(&c, true);
    if (v.action != VERDICT_REJECT)
        v = judge_recipient(&c);
    // A deferral that is certain by now is final; the tables need no asking.
    if (v.action != VERDICT_REJECT && c.if_permit.reply == NULL &&
        s->cfg->smtpd_reject_unlisted_recipient && s->server->check_recipients) {
        struct verdict unlisted = unlisted_recipient(&c, recipient);

        v = unlisted.action == VERDICT_REJECT ? unlisted : v;
    }
    return settle(&c, v);
}

const char *check_data(struct session *s, const char *where)
{
    struct check c = begin(s, STAGE_DATA, where, only_recipient(s));

    if (s->server->data_rules == NULL)
        return NULL;
    return settle(&c, rules_judge(s->server->data_rules, &c));
}

const char *check_end_of_data(struct session *s)
{
    struct check c = begin(s, STAGE_END_OF_DATA, "END-OF-MESSAGE", only_recipient(s));

    if (s->server->end_of_data_rules == NULL)
        return NULL;
    return settle(&c, rules_judge(s->server->end_of_data_rules, &c));
}

const char *check_etrn(struct session *s, const char *domain)
{
    struct check c = begin(s, STAGE_ETRN, "ETRN", NULL);
    struct verdict v;

    s->etrn_domain = domain;
    v = judge_delayed(&c, false);
    if (v.action != VERDICT_REJECT)
        v = judge(&c, STAGE_ETRN, s->server->etrn_rules);
    return settle(&c, v);
}

static const char *refuse_size(struct session *s, const char *reply)
{
    smtpd_log_verdict(s, "reject", "MAIL", NULL, reply);
    return reply;
}

const char *check_size(struct session *s, int64_t size)
{
    int64_t limit = s->mail->message_size_limit, minimum = s->cfg->queue_minfree;
    struct statvfs fs;

    if (limit > 0 && size > limit) {
        s->error_classes |= NOTIFY_POLICY;
        return refuse_size(s, "552 5.3.4 Message size exceeds fixed limit");
    }
    if (statvfs(".", &fs) != 0) {
        log_warn("file system of the queue: %m");
        return refuse_size(s, "452 4.3.1 Insufficient system storage");
    }
    double available = (double)fs.f_bavail * (double)fs.f_frsize;
    double wanted = minimum > 0 ? (double)minimum : 1.5 * (double)limit;

    if (available >= wanted && available >= (double)size + (double)minimum)
        return NULL;
    log_warn("not enough free space in mail queue: %.0f bytes < %s", available,
             minimum > 0 ? "minimum" : "1.5*message size limit");
    s->error_classes |= NOTIFY_RESOURCE;
    return refuse_size(s, "452 4.3.1 Insufficient system storage");
}

bool check_is_local_client(struct session *s)
{
    if (s->knows_client)
        return s->is_local_client;
    struct check c = begin(s, STAGE_CLIENT, s->where, NULL);

    return s->server->local_rewrite_rules != NULL &&
           rules_judge(s->server->local_rewrite_rules, &c).action == VERDICT_PERMIT;
}
