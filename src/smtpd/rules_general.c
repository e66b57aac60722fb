// rules_general: restrictions that can stand in any list.
#include "smtpd/rules_judges.h"
#include <unistd.h>

static struct verdict reject_stage(struct check *c, const struct rule *r, long code,
                                   const char *dsn, const char *text)
{
    enum subject subject = check_subject(c, r);

    return reject_with(c, subject, code, dsn, "<%s>: %s rejected: %s",
                       subject_text(c, subject), subject_class(subject), text);
}

JUDGE(judge_permit)
{
    (void)c;
    (void)r;
    return PERMIT;
}

JUDGE(judge_nothing)
{
    (void)c;
    (void)r;
    return DUNNO;
}

JUDGE(judge_reject)
{
    return reject_stage(c, r, c->s->cfg->reject_code, "5.7.1", "Access denied");
}

JUDGE(judge_defer)
{
    return reject_stage(c, r, c->s->cfg->defer_code, "4.3.2", "Try again later");
}

JUDGE(judge_defer_if_permit)
{
    enum subject subject = check_subject(c, r);

    return defer_if_permit(c, subject, 450, "4.7.0",
                           "<%s>: %s rejected: defer_if_permit requested",
                           subject_text(c, subject), subject_class(subject));
}

JUDGE(judge_defer_if_reject)
{
    enum subject subject = check_subject(c, r);

    return defer_if_reject(c, subject, 450, "4.7.0",
                           "<%s>: %s rejected: defer_if_reject requested",
                           subject_text(c, subject), subject_class(subject));
}

JUDGE(judge_unauth_pipelining)
{
    if (!c->s->broke_pipelining)
        return DUNNO;
    return reject_stage(c, r, 503, "5.5.0", "Improper use of SMTP command pipelining");
}

JUDGE(judge_plaintext_session)
{
    (void)r;
    return reject_with(c, SUBJECT_STAGE, c->s->cfg->plaintext_reject_code, "4.7.1",
                       "Session encryption is required");
}

// RFC 5321 4.5.5: a bounce has one recipient.
JUDGE(judge_multi_recipient_bounce)
{
    size_t rcpts = c->s->msg.rcpts.len + (c->stage == STAGE_RECIPIENT);

    if (c->sender == NULL || c->sender[0] != '\0' || rcpts < 2)
        return DUNNO;
    return reject_stage(c, r, c->s->cfg->multi_recipient_bounce_reject_code, "5.5.3",
                        "Multi-recipient bounce");
}

JUDGE(judge_sleep)
{
    unsigned left = (unsigned)r->seconds;

    (void)c;
    while (left > 0)
        left = sleep(left);
    return DUNNO;
}

JUDGE(judge_class)
{
    return rules_judge(r->list, c);
}

JUDGE(judge_removed)
{
    (void)r;
    return reject_config_error(c);
}

JUDGE(judge_broken)
{
    (void)r;
    return reject_config_error(c);
}
