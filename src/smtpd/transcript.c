// transcript: what was said in a session, for the notice that the postmaster gets of
// trouble.
#include "smtpd/transcript.h"
#include "mail/postmaster_notice.h"
#include "util/log.h"

void transcript_add(struct session *s, const char *direction, struct str line)
{
    long limit = s->cfg->smtpd_history_flush_threshold * 1024;

    if (s->server->notify_classes == 0)
        return;
    // Without trouble so far nobody will ask for the beginning of a long session.
    if (s->error_classes == 0 && (long)buf_len(s->transcript) > limit)
        buf_clear(s->transcript);
    if (!postmaster_add_line(s->transcript, direction, line))
        log_debug("transcript is full");
}

void transcript_report(struct session *s)
{
    const struct postmaster_notice notice = {
        .recipient = s->cfg->error_notice_recipient,
        .who = "SMTP server",
        .peer = s->peer.namaddr,
        .first_lines = "",
        .transcript = buf_view(s->transcript),
    };
    struct error err = {0};

    if (!(s->error_classes & s->server->notify_classes) || s->server->submits)
        return;
    if (s->server->cleanup == NULL)
        s->server->cleanup = cleanup_client_open(s->mail, &err);
    if (s->server->cleanup == NULL ||
        !postmaster_notify(s->server->cleanup, s->mail, s->msg_arena, &notice, &err))
        log_warn("postmaster notify: %s", err.text);
}
