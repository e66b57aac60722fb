// bounce_client: telling bounce(8), defer(8) and trace(8) what became of recipients.
#include "mail/bounce_client.h"
#include "ipc/channel.h"
#include <stdio.h>

static const struct field rcpt_fields[] = {
    FIELD_ROW_TEXT(struct bounce_rcpt, address),
    FIELD_ROW_TEXT(struct bounce_rcpt, orig),
    FIELD_ROW_TEXT(struct bounce_rcpt, dsn_orcpt),
    FIELD_ROW_INT(struct bounce_rcpt, dsn_notify),
    FIELD_ROW_INT(struct bounce_rcpt, offset),
    FIELD_ROW_TEXT(struct bounce_rcpt, status),
    FIELD_ROW_TEXT(struct bounce_rcpt, action),
    FIELD_ROW_TEXT(struct bounce_rcpt, reason),
    FIELD_ROW_TEXT(struct bounce_rcpt, diag_type),
    FIELD_ROW_TEXT(struct bounce_rcpt, diag_text),
    FIELD_ROW_TEXT(struct bounce_rcpt, mta_type),
    FIELD_ROW_TEXT(struct bounce_rcpt, mta_name),
    FIELD_ROW_TEXT(struct bounce_rcpt, relay),
    FIELD_END,
};
static const struct message_kind rcpt_kind = {
    .name = "rcpt", .size = sizeof(struct bounce_rcpt), .fields = rcpt_fields};

static const struct field request_fields[] = {
    FIELD_ROW_INT(struct bounce_request, command),
    FIELD_ROW_INT(struct bounce_request, flags),
    FIELD_ROW_TEXT(struct bounce_request, queue_name),
    FIELD_ROW_TEXT(struct bounce_request, queue_id),
    FIELD_ROW_TEXT(struct bounce_request, encoding),
    FIELD_ROW_TEXT(struct bounce_request, sender),
    FIELD_ROW_TEXT(struct bounce_request, envelope_id),
    FIELD_ROW_TEXT(struct bounce_request, verp),
    FIELD_ROW_INT(struct bounce_request, dsn_ret),
    FIELD_ROW_INT(struct bounce_request, send_options),
    FIELD_ROW_INT(struct bounce_request, trace_flags),
    FIELD_ROW_LIST(struct bounce_request, rcpts, &rcpt_kind),
    FIELD_END,
};

static const struct field reply_fields[] = {
    FIELD_ROW_INT(struct bounce_reply, status),
    FIELD_END,
};

const struct message_kind bounce_request_kind = {.name = "bounce_request",
                                                 .id = MESSAGE_BOUNCE + 1,
                                                 .size = sizeof(struct bounce_request),
                                                 .fields = request_fields};
const struct message_kind bounce_reply_kind = {.name = "bounce_reply",
                                               .id = MESSAGE_BOUNCE + 2,
                                               .size = sizeof(struct bounce_reply),
                                               .fields = reply_fields};

bool bounce_call(const struct mail_config *cfg, const char *service,
                 const struct bounce_request *req, struct error *err)
{
    char path[108];
    struct bounce_reply reply;

    snprintf(path, sizeof(path), "private/%s", service);
    struct channel *ch = channel_connect(path, (int)cfg->ipc_timeout.seconds * 1000, err);

    if (ch == NULL)
        return false;
    struct arena *arena = arena_new();
    bool done = channel_send(ch, &bounce_request_kind, req, err) &&
                channel_receive(ch, arena, &bounce_reply_kind, &reply, err) == CHANNEL_OK;

    if (!done)
        error_prefix(err, "%s service", service);
    else if (reply.status != 0)
        done = error_temp(err, "4.3.0", "%s service failed", service);
    arena_free(arena);
    channel_close(ch);
    return done;
}
