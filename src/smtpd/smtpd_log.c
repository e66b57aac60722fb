// smtpd_log: the verdict lines of smtpd that log analysers know.
#include "smtpd/smtpd_log.h"
#include "mail/address.h"
#include "util/log.h"

static void put_address(struct session const *s, struct buf *line, const char *label,
                        const char *address)
{
    bool external = strcmp(s->mail->info_log_address_format, "internal") != 0;

    buf_putf(line, " %s=<%s>", label,
             external ? address_quote(s->msg_arena, address) : address);
}

void smtpd_log_verdict(const struct session *s, const char *what, const char *where,
                       const char *recipient, const char *text)
{
    struct buf *line = buf_make(s->msg_arena, 1 << 16);

    buf_putf(line, "%s: %s: %s from %s: %s;", session_queue_id(s), what, where,
             s->peer.namaddr, text);
    if (s->msg.sender != NULL)
        put_address(s, line, "from", s->msg.sender);
    if (recipient != NULL)
        put_address(s, line, "to", recipient);
    buf_putf(line, " proto=%s", s->protocol);
    if (s->helo != NULL)
        buf_putf(line, " helo=<%s>", s->helo);
    log_info("%s", buf_text(line));
}

const char *smtpd_printable(struct arena *arena, struct str bytes)
{
    static const char letters[] = "\a\b\f\n\r\t\v\\", names[] = "abfnrtv\\";
    struct buf *out = buf_make(arena, 1024);

    for (size_t i = 0; i < bytes.len && i < 100; i++) {
        char c = bytes.ptr[i];
        const char *at = c == '\0' ? NULL : strchr(letters, c);

        if (at != NULL)
            buf_putf(out, "\\%c", names[at - letters]);
        else if ((unsigned char)c < 32 || (unsigned char)c > 126)
            buf_putf(out, "\\%03o", (unsigned char)c);
        else
            buf_putf(out, "%c", c);
    }
    return buf_text(out);
}
