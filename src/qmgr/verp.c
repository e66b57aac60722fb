// verp: envelope senders that carry the recipient (variable envelope return paths).
#include "qmgr/verp.h"
#include <string.h>

const char *verp_sender(struct arena *arena, const char *delimiters, const char *sender,
                        const char *rcpt)
{
    const char *sender_at = strrchr(sender, '@');
    const char *rcpt_at = strrchr(rcpt, '@');

    if (sender_at == NULL || strlen(delimiters) < 2)
        return sender;
    int local_len = (int)(sender_at - sender);
    int user_len = rcpt_at == NULL ? (int)strlen(rcpt) : (int)(rcpt_at - rcpt);

    if (rcpt_at == NULL)
        return arena_printf(arena, "%.*s%c%.*s%s", local_len, sender, delimiters[0],
                            user_len, rcpt, sender_at);
    return arena_printf(arena, "%.*s%c%.*s%c%s%s", local_len, sender, delimiters[0],
                        user_len, rcpt, delimiters[1], rcpt_at + 1, sender_at);
}
