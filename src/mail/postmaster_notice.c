// postmaster_notice: the transcript of a session in which there was trouble, by mail to the
// postmaster (notify_classes).
#include "mail/postmaster_notice.h"
#include "mail/internal_mail.h"

bool postmaster_wants(const struct mail_config *cfg, const char *name)
{
    struct str rest = str_c(cfg->notify_classes), word;

    while (str_take(&rest, ", \t\r\n", &word))
        if (str_is_nocase(word, name))
            return true;
    return false;
}

bool postmaster_add_line(struct buf *transcript, const char *direction, struct str line)
{
    const char *blanks = strlen(direction) < 3 ? "  " : " "; // " In:  x", " Out: x"

    return buf_printf(transcript, " %s:%s%.*s\n", direction, blanks, STR_FMT(line));
}

bool postmaster_notify(struct cleanup_client *cleanup, const struct mail_config *cfg,
                       struct arena *arena, const struct postmaster_notice *notice,
                       struct error *err)
{
    struct moment now = moment_now();
    struct cleanup_rcpt rcpt = {.address = notice->recipient, .orig = "", .dsn_orcpt = ""};
    struct cleanup_attr attrs[] = {
        {"rewrite_context", "local"}
    };
    struct cleanup_envelope env = {
        .flags = CLEANUP_INTERNAL,
        .arrival_sec = now.sec,
        .arrival_usec = now.usec,
        .sender = arena_printf(arena, "%s@%s", cfg->double_bounce_sender, cfg->myhostname),
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
    const char *head = arena_printf(arena,
                                    "From: Mail Delivery System <MAILER-DAEMON@%s>\n"
                                    "To: Postmaster <%s>\n"
                                    "Subject: %s %s: errors from %s\n\n"
                                    "%sTranscript of session follows.\n\n",
                                    cfg->myhostname, notice->recipient, cfg->mail_name,
                                    notice->who, notice->peer, notice->first_lines);
    struct cleanup_result result;
    char id[64];

    if (!cleanup_begin(cleanup, id, err) ||
        !internal_mail_received(cleanup, cfg, id, err) ||
        !cleanup_content(cleanup, str_c(head), err) ||
        !cleanup_content(cleanup, notice->transcript, err) ||
        !cleanup_content(
            cleanup, STR_LIT("\nFor other details, see the local mail logfile\n"), err) ||
        !cleanup_commit(cleanup, &env, arena, &result, err))
        return false;
    return result.status == CLEANUP_OK ||
           error_temp(err, "4.3.0", "notice not accepted: %s", result.reason);
}
