// anvil_client: asking anvil(8) how busy a client of a service is.
#include "mail/anvil_client.h"
#include "ipc/channel.h"
#include <stdlib.h>

#define TIMEOUT_MS 10000

static const struct field request_fields[] = {
    FIELD_ROW_INT(struct anvil_request, event),
    FIELD_ROW_TEXT(struct anvil_request, service),
    FIELD_ROW_TEXT(struct anvil_request, client),
    FIELD_END,
};
const struct message_kind anvil_request_kind = {
    "anvil_request", 0x4156, sizeof(struct anvil_request), request_fields};

static const struct field reply_fields[] = {
    FIELD_ROW_INT(struct anvil_reply, count),
    FIELD_ROW_INT(struct anvil_reply, rate),
    FIELD_END,
};
const struct message_kind anvil_reply_kind = {"anvil_reply", 0x4157,
                                              sizeof(struct anvil_reply), reply_fields};

struct anvil_client {
    struct channel *channel;
    struct arena *arena;
};

struct anvil_client *anvil_client_new(void)
{
    struct anvil_client *a = mem_alloc(sizeof(*a));

    a->arena = arena_new();
    return a;
}

void anvil_client_free(struct anvil_client *a)
{
    if (a == NULL)
        return;
    channel_close(a->channel);
    arena_free(a->arena);
    free(a);
}

bool anvil_tell(struct anvil_client *a, enum anvil_event event, const char *service,
                const char *client, struct anvil_reply *reply, struct error *err)
{
    struct anvil_request req = {.event = event, .service = service, .client = client};

    if (a->channel != NULL && channel_is_stale(a->channel)) {
        channel_close(a->channel);
        a->channel = NULL;
    }
    if (a->channel == NULL)
        a->channel = channel_connect("private/anvil", TIMEOUT_MS, err);
    if (a->channel == NULL)
        return false;
    arena_reset(a->arena);
    if (channel_send(a->channel, &anvil_request_kind, &req, err) &&
        channel_receive(a->channel, a->arena, &anvil_reply_kind, reply, err) == CHANNEL_OK)
        return true;
    channel_close(a->channel);
    a->channel = NULL;
    return error_prefix(err, "anvil");
}
