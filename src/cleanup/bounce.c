// bounce: a local submission that fails for good goes back to its sender at once.
#include "cleanup/bounce.h"
#include "mail/bounce_client.h"
#include "mail/log_delivery.h"
#include "util/log.h"
#include "util/text.h"

static const struct {
    enum cleanup_status status;
    const char *dsn, *text;
} reasons[] = {
    {CLEANUP_HOPS,     "5.4.0", "too many hops"           },
    {CLEANUP_TOO_BIG,  "5.3.4", "message file too big"    },
    {CLEANUP_REJECTED, "5.7.1", "message content rejected"},
};

// "5.7.1 text" apart, or the standard reason.
static bool find_reason(struct msg *m, const char **dsn, const char **text)
{
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (m->status != reasons[i].status)
            continue;
        *dsn = reasons[i].dsn;
        *text = reasons[i].text;
        struct str rest = str_c(m->reason), code;

        if (m->status == CLEANUP_REJECTED && str_take(&rest, " ", &code)) {
            *dsn = arena_text(m->arena, code);
            *text = arena_text(m->arena, str_trim(rest));
        }
        return true;
    }
    return false;
}

static void log_rcpt(struct msg *m, const struct msg_rcpt *rcpt, const char *dsn,
                     const char *text)
{
    struct moment now = moment_now();
    struct delivery_request req = {
        .queue_name = "incoming",
        .queue_id = m->id,
        .sender = m->sender,
        .arrival_sec = m->env.arrival_sec,
        .arrival_usec = m->env.arrival_usec,
        .active_sec = now.sec,
        .active_usec = now.usec,
        .agent_sec = now.sec,
        .agent_usec = now.usec,
    };
    struct delivery_rcpt to = {
        .address = rcpt->address, .orig = rcpt->orig, .dsn_orcpt = rcpt->dsn_orcpt};
    struct delivery_times times = {.conn_setup_done = now, .end = now};

    log_delivery(m->mail, &req, &to, NULL, 0, &times, dsn, "bounced", text);
}

void bounce_message(struct msg *m)
{
    const char *dsn, *text;
    struct error err;

    if (m->mail->soft_bounce || !find_reason(m, &dsn, &text))
        return;
    struct bounce_rcpt *rcpts = arena_array(m->arena, m->rcpts_len + 1, sizeof(*rcpts));

    for (size_t i = 0; i < m->rcpts_len; i++) {
        const struct msg_rcpt *r = &m->rcpts[i];

        rcpts[i] = (struct bounce_rcpt){.address = r->address,
                                        .orig = r->orig,
                                        .dsn_orcpt = r->dsn_orcpt,
                                        .dsn_notify = r->dsn_notify,
                                        .offset = r->offset,
                                        .status = dsn,
                                        .action = "failed",
                                        .reason = text,
                                        .diag_type = "",
                                        .diag_text = "",
                                        .mta_type = "",
                                        .mta_name = "",
                                        .relay = "none"};
        log_rcpt(m, r, dsn, text);
    }
    struct bounce_request req = {
        .command = BOUNCE_ONE,
        .queue_name = "incoming",
        .queue_id = m->id,
        .encoding = m->env.encoding,
        .sender = m->sender,
        .envelope_id = m->env.envelope_id,
        .verp = m->env.verp,
        .dsn_ret = m->env.dsn_ret,
        .send_options = m->env.send_options,
        .trace_flags = m->env.trace_flags,
        .rcpts = rcpts,
        .rcpts_len = m->rcpts_len,
    };

    if (queue_writer_flush(m->out, &err) &&
        bounce_call(m->mail, m->mail->bounce_service_name, &req, &err)) {
        m->status = CLEANUP_OK;
        m->reason = "";
        m->bounced = true;
        return;
    }
    log_warn("%s: cannot bounce the message now: %s", m->id, err.text);
    m->status = CLEANUP_BAD;
    m->reason = "";
}
