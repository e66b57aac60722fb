// transcript: what was said in a session, for the notice that the postmaster gets of
// trouble.
#include "smtpd/transcript.h"
#include "mail/internal_mail.h"
#include "util/log.h"

void transcript_add(struct session *s, const char *direction, struct str line)
{
    long limit = s->cfg->smtpd_history_flush_threshold * 1024;

    if (s->server->notify_classes == 0)
        return;
    // Without trouble so far nobody will ask for the beginning of a long session.
    if (s->error_classes == 0 && (long)buf_len(s->transcript) > limit)
        buf_clear(s->transcript);
    if (!buf_printf(s->transcript, "%4s: %.*s\n", direction, STR_FMT(line)))
        log_debug("transcript is full");
}

static bool send_all(struct session *s, struct cleanup_client *cleanup, struct arena *arena,
                     struct error *err)
{
    struct moment now = moment_now();
    const char *me = s->mail->myhostname, *postmaster = s->cfg->error_notice_recipient;
    struct cleanup_rcpt rcpt = {.address = postmaster, .orig = "", .dsn_orcpt = ""};
    struct cleanup_attr attrs[] = {
        {"rewrite_context", "local"}
    };
    struct cleanup_envelope env = {
        .flags = CLEANUP_INTERNAL,
        .arrival_sec = now.sec,
        .arrival_usec = now.usec,
        .sender = arena_printf(arena, "%s@%s", s->mail->double_bounce_sender, me),
        .full_name = "",
        .filter = "",
        .redirect = "",
        .envelope_id = "",
        .encoding = "",
        .verp = "",
        .hold_reason = "",
        .attrs = attrs,
        .attrs_len = COUNT(attrs),
        .rcpts = &rcpt,
        .rcpts_len = 1,
    };
    struct cleanup_result result;
    const char *head = arena_printf(arena,
                                    "From: Mail Delivery System <MAILER-DAEMON@%s>\n"
                                    "To: Postmaster <%s>\n"
                                    "Subject: %s SMTP server: errors from %s\n\n"
                                    "Transcript of session follows.\n\n",
                                    me, postmaster, s->mail->mail_name, s->peer.namaddr);

    return cleanup_content(cleanup, str_c(head), err) &&
           cleanup_content(cleanup, buf_view(s->transcript), err) &&
           cleanup_content(cleanup,
                           STR_LIT("\n\nFor other details, see the local mail logfile\n"),
                           err) &&
           cleanup_commit(cleanup, &env, arena, &result, err) &&
           result.status == CLEANUP_OK;
}

void transcript_report(struct session *s)
{
    struct error err = {0};
    char id[64];

    if (!(s->error_classes & s->server->notify_classes) || s->server->submits)
        return;
    if (s->server->cleanup == NULL)
        s->server->cleanup = cleanup_client_open(s->mail, &err);
    if (s->server->cleanup == NULL || !cleanup_begin(s->server->cleanup, id, &err) ||
        !internal_mail_received(s->server->cleanup, s->mail, id, &err) ||
        !send_all(s, s->server->cleanup, s->msg_arena, &err))
        log_warn("postmaster notify: %s", err.text);
}
