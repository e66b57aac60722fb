// complete: the headers that a message has to have, when its sender is ours.
#include "cleanup/complete.h"
#include "cleanup/dates.h"
#include "cleanup/header.h"
#include "mail/address.h"
#include "mail/mail_date.h"
#include "mail/queue_id.h"
#include "util/log.h"
#include "util/text.h"
#include <strings.h>

// RFC 2047 4.2, within a phrase (5 (3)).
static char *encode_word(struct arena *arena, const char *name, const char *charset)
{
    struct buf *out = buf_make(arena, strlen(name) * 3 + strlen(charset) + 16);

    buf_putf(out, "=?%s?Q?", charset);
    for (const unsigned char *p = (const unsigned char *)name; *p != 0; p++) {
        if (ascii_is_alnum((char)*p))
            buf_putf(out, "%c", *p);
        else if (*p == ' ')
            buf_put_c(out, "_");
        else
            buf_putf(out, "=%02X", *p);
    }
    buf_put_c(out, "?=");
    return arena_text(arena, buf_view(out));
}

// A phrase as it is, or as a quoted string (RFC 5322 3.2.4).
static char *quote_phrase(struct arena *arena, const char *name)
{
    struct buf *out = buf_make(arena, strlen(name) * 2 + 3);

    if (strpbrk(name, "()<>[]:;@\\,.\"") == NULL)
        return arena_strdup(arena, name);
    buf_put_c(out, "\"");
    for (const char *p = name; *p != 0; p++)
        buf_putf(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    buf_put_c(out, "\"");
    return arena_text(arena, buf_view(out));
}

// A comment's inside.
static char *quote_comment(struct arena *arena, const char *name)
{
    struct buf *out = buf_make(arena, strlen(name) * 2 + 1);

    for (const char *p = name; *p != 0; p++)
        buf_putf(out, strchr("()\\", *p) != NULL ? "\\%c" : "%c", *p);
    return arena_text(arena, buf_view(out));
}

char *complete_from(struct arena *arena, const char *name, const char *address,
                    bool is_obsolete_form, const char *charset)
{
    const char *quoted = address_quote(arena, address);

    if (name[0] == 0)
        return arena_strdup(arena, quoted);
    bool encode = !str_is_ascii(str_c(name)) && charset[0] != 0;

    if (is_obsolete_form)
        return arena_printf(arena, "%s (%s)", quoted,
                            encode ? encode_word(arena, name, charset)
                                   : quote_comment(arena, name));
    return arena_printf(
        arena, "%s <%s>",
        encode ? encode_word(arena, name, charset) : quote_phrase(arena, name), quoted);
}

static bool seen(const struct header_facts *facts, enum header_kind plain,
                 enum header_kind resent)
{
    return (facts->seen & (1u << (facts->is_resent ? resent : plain))) != 0;
}

static bool add_message_id(struct msg *m, const char *prefix)
{
    const char *id = queue_id_is_long(m->id)
                         ? m->id
                         : arena_printf(m->arena, "%s.%s",
                                        date_compact(m->arena, m->created.sec), m->id);
    const char *value = arena_printf(m->arena, "<%s@%s>", id, m->mail->myhostname);

    log_info("%s: %smessage-id=%s", m->id, prefix[0] != 0 ? "resent-" : "", value);
    return msg_putf(m, REC_LINE, "%sMessage-Id: %s", prefix, value);
}

static bool add_from(struct msg *m, const char *prefix)
{
    const struct cleanup_config *cfg = m->cfg;
    const char *name = m->env.full_name, *sender = m->sender;

    if (sender[0] == 0) {
        sender = m->mail->empty_address_recipient;
        name = "";
    }
    return msg_putf(m, REC_LINE, "%sFrom: %s", prefix,
                    complete_from(m->arena, name, sender,
                                  strcasecmp(cfg->header_from_format, "obsolete") == 0,
                                  cfg->full_name_encoding_charset));
}

bool complete_headers(struct msg *m, const struct header_facts *facts)
{
    const char *prefix = facts->is_resent ? "Resent-" : "";
    bool wanted = m->rewrite_headers || m->cfg->always_add_missing_headers;
    char date[MAIL_DATE_SIZE];
    bool ok = true;

    if (wanted && !seen(facts, HEADER_MESSAGE_ID, HEADER_RESENT_MESSAGE_ID))
        ok = add_message_id(m, prefix);
    if (!(facts->seen & (1u << HEADER_MESSAGE_ID)) && (!wanted || facts->is_resent))
        log_info("%s: message-id=<>", m->id);
    if (!wanted)
        return ok;
    if (!seen(facts, HEADER_DATE, HEADER_RESENT_DATE)) {
        mail_date_format(date, m->env.arrival_sec);
        ok = ok && msg_putf(m, REC_LINE, "%sDate: %s", prefix, date);
    }
    if (!seen(facts, HEADER_FROM, HEADER_RESENT_FROM))
        ok = ok && add_from(m, prefix);
    if (!facts->has_rcpts && m->cfg->undisclosed_recipients_header[0] != 0)
        ok = ok && msg_putf(m, REC_LINE, "%s", m->cfg->undisclosed_recipients_header);
    return ok;
}
