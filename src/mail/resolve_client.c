// resolve_client: asking trivial-rewrite(8), a batch a frame, with answers kept for a
// while.
#include "mail/resolve_client.h"
#include "ipc/channel.h"
#include "util/clock.h"
#include <stdlib.h>
#define uthash_fatal(msg) abort()
#include <uthash.h>

#define CACHE_MAX 2000 // answers
#define CACHE_MS 30000 // a changed table is noticed after so long
#define ATTEMPTS 2     // the service may have gone idle between two questions

static const struct field text_fields[] = {
    FIELD_ROW_TEXT(struct resolve_text, text),
    FIELD_END,
};
static const struct message_kind text_kind = {
    .name = "resolve_text", .size = sizeof(struct resolve_text), .fields = text_fields};
static const struct field request_fields[] = {
    FIELD_ROW_TEXT(struct resolve_request, sender),
    FIELD_ROW_LIST(struct resolve_request, addresses, &text_kind),
    FIELD_END,
};
const struct message_kind resolve_request_kind = {.name = "resolve_request",
                                                  .id = MESSAGE_RESOLVE + 1,
                                                  .size = sizeof(struct resolve_request),
                                                  .fields = request_fields};
static const struct field answer_fields[] = {
    FIELD_ROW_TEXT(struct resolve_answer, transport),
    FIELD_ROW_TEXT(struct resolve_answer, nexthop),
    FIELD_ROW_TEXT(struct resolve_answer, recipient),
    FIELD_ROW_INT(struct resolve_answer, flags),
    FIELD_END,
};
static const struct message_kind answer_kind = {.name = "resolve_answer",
                                                .size = sizeof(struct resolve_answer),
                                                .fields = answer_fields};
static const struct field reply_fields[] = {
    FIELD_ROW_LIST(struct resolve_reply, answers, &answer_kind),
    FIELD_END,
};
const struct message_kind resolve_reply_kind = {.name = "resolve_reply",
                                                .id = MESSAGE_RESOLVE + 2,
                                                .size = sizeof(struct resolve_reply),
                                                .fields = reply_fields};

struct cached {
    UT_hash_handle hh;
    const char *key; // sender NUL-free, newline, address
    struct resolved answer;
};

struct resolve_client {
    const struct mail_config *cfg;
    struct channel *channel;
    struct arena *arena; // of the cache
    struct cached *cache;
    int64_t cache_ends;
};

struct resolve_client *resolve_client_new(const struct mail_config *cfg)
{
    struct resolve_client *c = mem_alloc(sizeof(*c));

    c->cfg = cfg;
    c->arena = arena_new();
    return c;
}

void resolve_client_flush(struct resolve_client *c)
{
    if (c == NULL)
        return;
    HASH_CLEAR(hh, c->cache);
    arena_reset(c->arena);
    c->cache_ends = clock_ms() + CACHE_MS;
}

void resolve_client_free(struct resolve_client *c)
{
    if (c == NULL)
        return;
    HASH_CLEAR(hh, c->cache);
    arena_free(c->arena);
    channel_close(c->channel);
    free(c);
}

static const char *cache_key(struct arena *arena, const char *sender, const char *address)
{
    return arena_printf(arena, "%s\n%s", sender, address);
}

static struct cached *cache_find(const struct resolve_client *c, const char *key)
{
    struct cached *found;

    HASH_FIND_STR(c->cache, key, found);
    return found;
}

static void cache_add(struct resolve_client *c, const char *key,
                      const struct resolved *answer)
{
    struct cached *entry;

    if ((answer->flags & RESOLVE_FAILED) || HASH_COUNT(c->cache) >= CACHE_MAX ||
        cache_find(c, key) != NULL)
        return;
    entry = ARENA_NEW(c->arena, struct cached);
    entry->key = arena_strdup(c->arena, key);
    entry->answer = (struct resolved){
        .transport = arena_strdup(c->arena, answer->transport),
        .nexthop = arena_strdup(c->arena, answer->nexthop),
        .recipient = arena_strdup(c->arena, answer->recipient),
        .flags = answer->flags,
    };
    HASH_ADD_KEYPTR(hh, c->cache, entry->key, (unsigned)strlen(entry->key), entry);
}

static bool ask_once(struct resolve_client *c, struct arena *arena,
                     const struct resolve_request *req, struct resolve_reply *reply,
                     struct error *err)
{
    if (c->channel != NULL && channel_is_stale(c->channel)) {
        channel_close(c->channel);
        c->channel = NULL;
    }
    if (c->channel == NULL) {
        const char *path = arena_printf(arena, "private/%s", c->cfg->rewrite_service_name);

        c->channel = channel_connect(path, (int)(1000 * c->cfg->ipc_timeout.seconds), err);
    }
    if (c->channel != NULL && channel_send(c->channel, &resolve_request_kind, req, err)) {
        switch (channel_receive(c->channel, arena, &resolve_reply_kind, reply, err)) {
        case CHANNEL_OK:
            if (reply->answers_len == req->addresses_len)
                return true;
            error_temp(err, "4.3.0", "address resolver: wrong number of answers");
            break;
        case CHANNEL_CLOSED:
        case CHANNEL_AGAIN:
            error_temp(err, "4.3.0", "address resolver closed the connection");
            break;
        case CHANNEL_FAILED:
            break;
        }
    }
    channel_close(c->channel);
    c->channel = NULL;
    return false;
}

static bool ask(struct resolve_client *c, struct arena *arena,
                const struct resolve_request *req, struct resolve_reply *reply,
                struct error *err)
{
    for (int i = 0; i < ATTEMPTS; i++)
        if (ask_once(c, arena, req, reply, err))
            return true;
    return false;
}

bool resolve_client_ask(struct resolve_client *c, struct arena *arena, const char *sender,
                        const char *const *addresses, size_t len, struct resolved *results,
                        struct error *err)
{
    struct resolve_text *unknown = arena_array(arena, len + 1, sizeof(*unknown));
    size_t *places = arena_array(arena, len + 1, sizeof(*places));
    struct resolve_request req = {.sender = sender, .addresses = unknown};
    struct resolve_reply reply = {0};

    if (clock_ms() >= c->cache_ends)
        resolve_client_flush(c);
    for (size_t i = 0; i < len; i++) {
        const struct cached *known = cache_find(c, cache_key(arena, sender, addresses[i]));

        if (known != NULL) {
            results[i] = (struct resolved){
                .transport = arena_strdup(arena, known->answer.transport),
                .nexthop = arena_strdup(arena, known->answer.nexthop),
                .recipient = arena_strdup(arena, known->answer.recipient),
                .flags = known->answer.flags,
            };
            continue;
        }
        places[req.addresses_len] = i;
        unknown[req.addresses_len++].text = addresses[i];
    }
    if (req.addresses_len == 0)
        return true;
    if (!ask(c, arena, &req, &reply, err))
        return false;
    for (size_t i = 0; i < reply.answers_len; i++) {
        const struct resolve_answer *a = &reply.answers[i];
        struct resolved *result = &results[places[i]];

        *result =
            (struct resolved){a->transport, a->nexthop, a->recipient, (unsigned)a->flags};
        cache_add(c, cache_key(arena, sender, unknown[i].text), result);
    }
    return true;
}
