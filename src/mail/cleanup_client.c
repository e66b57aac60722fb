// cleanup_client: handing a message to cleanup(8).
#include "mail/cleanup_client.h"
#include <stdio.h>
#include <stdlib.h>

struct cleanup_client {
    struct channel *ch; // NULL: not connected
    int timeout_ms;
    char path[108];
    struct buf *content; // not sent so far
    bool begun;          // a message is open on the other side
    bool envelope_sent;
};

static bool connect_now(struct cleanup_client *c, struct error *err)
{
    channel_close(c->ch);
    c->ch = channel_connect(c->path, c->timeout_ms, err);
    return c->ch != NULL;
}

static void forget(struct cleanup_client *c)
{
    if (buf_len(c->content) > CLEANUP_CHUNK_MAX * 4) {
        buf_free(c->content);
        c->content = buf_new(CLEANUP_HOLD_MAX);
    }
    buf_clear(c->content);
    c->begun = c->envelope_sent = false;
}

// After trouble in the middle: hanging up makes cleanup drop the file.
static bool hang_up(struct cleanup_client *c)
{
    channel_close(c->ch);
    c->ch = NULL;
    forget(c);
    return false;
}

struct cleanup_client *cleanup_client_open(const struct mail_config *cfg, struct error *err)
{
    struct cleanup_client *c = mem_alloc(sizeof(*c));

    snprintf(c->path, sizeof(c->path), "public/%s", cfg->cleanup_service_name);
    c->timeout_ms = (int)cfg->ipc_timeout.seconds * 1000;
    c->content = buf_new(CLEANUP_HOLD_MAX);
    if (connect_now(c, err))
        return c;
    cleanup_client_close(c);
    return NULL;
}

void cleanup_client_close(struct cleanup_client *c)
{
    if (c == NULL)
        return;
    channel_close(c->ch);
    buf_free(c->content);
    free(c);
}

// One attempt on the connection that there is.
static bool try_begin(struct cleanup_client *c, char id[64], struct error *err)
{
    struct cleanup_begin_msg begin = {.version = CLEANUP_PROTOCOL};
    struct cleanup_began_msg began;
    struct arena *arena = arena_new();
    bool done =
        channel_send(c->ch, &cleanup_begin_kind, &begin, err) &&
        channel_receive(c->ch, arena, &cleanup_began_kind, &began, err) == CHANNEL_OK;

    if (!done) {
        hang_up(c);
        error_prefix(err, "cleanup service");
    } else if (began.id[0] == 0) {
        done = error_temp(err, "4.3.0", "cleanup service: %s", began.reason);
    } else if (strlen(began.id) >= 64) {
        done = error_temp(err, "4.3.0", "cleanup service: malformed queue ID");
        hang_up(c);
    } else {
        snprintf(id, 64, "%s", began.id);
        c->begun = true;
    }
    arena_free(arena);
    return done;
}

bool cleanup_begin(struct cleanup_client *c, char id[64], struct error *err)
{
    ensure(!c->begun);
    bool was_kept = c->ch != NULL;

    if (!was_kept && !connect_now(c, err))
        return false;
    if (try_begin(c, id, err))
        return true;
    // A kept connection may have been closed by an idle or reloaded cleanup.
    return was_kept && c->ch == NULL && connect_now(c, err) && try_begin(c, id, err);
}

// Queues what content there is as chunks.
static bool put_content(struct cleanup_client *c, struct error *err)
{
    struct str rest = buf_view(c->content);

    while (rest.len > 0) {
        struct cleanup_chunk_msg chunk = {str_sub(rest, 0, CLEANUP_CHUNK_MAX)};

        if (!channel_put(c->ch, &cleanup_chunk_kind, &chunk, err))
            return false;
        rest = str_from(rest, chunk.data.len);
        // A large message goes on its way before all of it is queued.
        if (rest.len > 0 && !channel_flush(c->ch, err))
            return false;
    }
    buf_clear(c->content);
    return true;
}

static bool not_begun(struct error *err)
{
    return error_temp(err, "4.3.0", "the connection to the cleanup service was lost");
}

bool cleanup_send_envelope(struct cleanup_client *c, const struct cleanup_envelope *env,
                           struct error *err)
{
    if (!c->begun)
        return not_begun(err);
    c->envelope_sent = true;
    return channel_put(c->ch, &cleanup_envelope_kind, env, err) || hang_up(c);
}

bool cleanup_content(struct cleanup_client *c, struct str data, struct error *err)
{
    if (!c->begun)
        return not_begun(err);
    while (data.len > 0) {
        size_t room = c->envelope_sent ? CLEANUP_CHUNK_MAX - buf_len(c->content) : data.len;
        struct str part = str_sub(data, 0, room);

        if (!buf_append(c->content, part)) {
            hang_up(c);
            return error_perm(err, "5.3.4", "message is too large");
        }
        data = str_from(data, part.len);
        if (c->envelope_sent && buf_len(c->content) == CLEANUP_CHUNK_MAX &&
            (!put_content(c, err) || !channel_flush(c->ch, err)))
            return hang_up(c);
    }
    return true;
}

bool cleanup_commit(struct cleanup_client *c, const struct cleanup_envelope *env,
                    struct arena *arena, struct cleanup_result *result, struct error *err)
{
    struct cleanup_end_msg end = {0};

    if (!c->begun)
        return not_begun(err);
    if (c->envelope_sent && env != NULL)
        end =
            (struct cleanup_end_msg){.flags = env->flags & (CLEANUP_HOLD | CLEANUP_DISCARD),
                                     .filter = env->filter,
                                     .redirect = env->redirect,
                                     .hold_reason = env->hold_reason,
                                     .bcc = env->bcc,
                                     .bcc_len = env->bcc_len};
    if (!c->envelope_sent && !cleanup_send_envelope(c, env, err))
        return false;
    if (!put_content(c, err) || !channel_send(c->ch, &cleanup_end_kind, &end, err) ||
        channel_receive(c->ch, arena, &cleanup_result_kind, result, err) != CHANNEL_OK) {
        hang_up(c);
        return error_prefix(err, "cleanup service");
    }
    forget(c);
    return true;
}

void cleanup_abort(struct cleanup_client *c)
{
    struct cleanup_cancel_msg cancel = {0};

    if (c->begun && !channel_send(c->ch, &cleanup_cancel_kind, &cancel, NULL))
        hang_up(c);
    forget(c);
}
