// flush_client: asking flush(8) to deliver what waits for a site, or one message, now.
#include "mail/flush_client.h"
#include "ipc/channel.h"
#include <stdio.h>

static const struct field request_fields[] = {
    FIELD_ROW_INT(struct flush_request, command),
    FIELD_ROW_TEXT(struct flush_request, site),
    FIELD_ROW_TEXT(struct flush_request, queue_id),
    FIELD_END,
};
const struct message_kind flush_request_kind = {
    .name = "flush_request",
    .id = 0x5210,
    .size = sizeof(struct flush_request),
    .fields = request_fields,
};

static const struct field reply_fields[] = {
    FIELD_ROW_INT(struct flush_reply, status),
    FIELD_END,
};
const struct message_kind flush_reply_kind = {
    .name = "flush_reply",
    .id = 0x5211,
    .size = sizeof(struct flush_reply),
    .fields = reply_fields,
};

enum flush_status flush_call(const struct mail_config *cfg, enum flush_command command,
                             const char *site, const char *queue_id)
{
    struct flush_request req = {.command = command, .site = site, .queue_id = queue_id};
    struct flush_reply reply;
    struct error err;
    char path[128];

    snprintf(path, sizeof(path), "public/%s", cfg->flush_service_name);
    struct channel *ch = channel_connect(path, (int)cfg->ipc_timeout.seconds * 1000, &err);

    if (ch == NULL)
        return FLUSH_FAIL;
    struct arena *arena = arena_new();
    bool ok = channel_send(ch, &flush_request_kind, &req, &err) &&
              channel_receive(ch, arena, &flush_reply_kind, &reply, &err) == CHANNEL_OK &&
              reply.status >= FLUSH_OK && reply.status <= FLUSH_DENY;

    arena_free(arena);
    channel_close(ch);
    return ok ? (enum flush_status)reply.status : FLUSH_FAIL;
}
