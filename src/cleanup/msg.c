// msg: one message on its way through cleanup(8): helpers that all its parts share.
#include "cleanup/msg.h"
#include "mail/address.h"
#include "util/log.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

bool msg_fail(struct msg *m, enum cleanup_status status, const char *reason)
{
    if (m->status == CLEANUP_OK) {
        m->status = status;
        m->reason = arena_strdup(m->arena, reason);
    }
    return false;
}

bool msg_put(struct msg *m, int type, struct str payload)
{
    struct error err;

    if (m->status == CLEANUP_WRITE_ERROR)
        return false;
    if (queue_writer_put(m->out, type, payload, &err))
        return true;
    bool too_big = errno == EFBIG || err.kind == ERROR_PERMANENT;

    log_warn("%s: %s", m->id, err.text);
    m->status = too_big ? CLEANUP_TOO_BIG : CLEANUP_WRITE_ERROR;
    m->reason = "";
    return false;
}

bool msg_putf(struct msg *m, int type, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const char *text = arena_vprintf(m->arena, fmt, args);
    va_end(args);
    return msg_put(m, type, str_c(text));
}

const char *msg_attr(const struct msg *m, const char *name)
{
    for (size_t i = 0; i < m->env.attrs_len; i++)
        if (strcmp(m->env.attrs[i].name, name) == 0)
            return m->env.attrs[i].value;
    return "";
}

const char *msg_log_address(const struct msg *m, const char *address)
{
    if (address[0] == 0 || strcmp(m->mail->info_log_address_format, "external") != 0)
        return address;
    return address_quote(m->arena, address);
}
