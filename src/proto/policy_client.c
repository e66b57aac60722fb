// policy_client: the policy delegation protocol: name=value lines out, "action=..." back.
#include "proto/policy_client.h"
#include "proto/endpoint.h"
#include "util/clock.h"
#include "util/stream.h"
#include <stdlib.h>
#include <unistd.h>

#define POLICY_LINE_MAX 4096
#define POLICY_LINES_MAX 100

struct policy_client {
    const struct policy_server *server;
    struct stream *io;
    long requests;
    int64_t opened_ms, used_ms;
};

struct policy_client *policy_client_new(const struct policy_server *server)
{
    struct policy_client *p = mem_alloc(sizeof(*p));

    p->server = server;
    return p;
}

static void disconnect(struct policy_client *p)
{
    if (p->io != NULL)
        stream_close(p->io);
    p->io = NULL;
    p->requests = 0;
}

void policy_client_free(struct policy_client *p)
{
    if (p == NULL)
        return;
    disconnect(p);
    free(p);
}

static bool is_worn_out(const struct policy_client *p)
{
    const struct policy_server *server = p->server;
    int64_t now = clock_ms();

    return (server->request_limit > 0 && p->requests >= server->request_limit) ||
           now - p->opened_ms > (int64_t)server->max_ttl * 1000 ||
           now - p->used_ms > (int64_t)server->max_idle * 1000 || stream_has_input(p->io);
}

static bool reach(struct policy_client *p, struct error *err)
{
    if (p->io != NULL && is_worn_out(p))
        disconnect(p);
    if (p->io != NULL)
        return true;
    int fd = endpoint_connect(p->server->endpoint, p->server->timeout, err);

    if (fd < 0)
        return false;
    p->io = stream_open(fd);
    stream_set_timeout(p->io, p->server->timeout);
    p->opened_ms = p->used_ms = clock_ms();
    return true;
}

static bool is_sent(struct stream *io, const struct policy_attr *attr)
{
    struct str rest = str_c(attr->value);

    if (stream_printf(io, "%s=", attr->name) != STREAM_OK)
        return false;
    // A line break would start another attribute.
    while (rest.len > 0) {
        size_t len = 0;

        while (len < rest.len && rest.ptr[len] != '\n' && rest.ptr[len] != '\r')
            len++;
        if (stream_write(io, str_sub(rest, 0, len)) != STREAM_OK)
            return false;
        if (len < rest.len && stream_write(io, STR_LIT(" ")) != STREAM_OK)
            return false;
        rest = str_from(rest, len + 1);
    }
    return stream_write(io, STR_LIT("\n")) == STREAM_OK;
}

static bool send_request(struct stream *io, const struct policy_attr *attrs, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_sent(io, &attrs[i]))
            return false;
    return stream_write(io, STR_LIT("\n")) == STREAM_OK && stream_flush(io) == STREAM_OK;
}

static bool read_answer(struct stream *io, struct arena *arena, const char **action)
{
    const char *found = NULL;

    for (int i = 0; i < POLICY_LINES_MAX; i++) {
        struct str line;

        if (stream_read_line(io, POLICY_LINE_MAX, &line) != STREAM_OK)
            return false;
        line = str_trim(line);
        if (line.len == 0) {
            *action = found;
            return found != NULL;
        }
        if (str_starts(line, "action=") && str_is_text(line))
            found = arena_text(arena, str_trim(str_from(line, 7)));
    }
    return false;
}

bool policy_ask(struct policy_client *p, struct arena *arena, const struct policy_attr *attrs,
                size_t len, const char **action, struct error *err)
{
    for (int tries = 1;; tries++) {
        bool is_reused = p->io != NULL;

        if (reach(p, err)) {
            if (send_request(p->io, attrs, len) && read_answer(p->io, arena, action)) {
                p->requests++;
                p->used_ms = clock_ms();
                return true;
            }
            disconnect(p);
            error_temp(err, "4.3.5", "no valid answer from %s", p->server->endpoint);
            if (is_reused && tries == 1)
                continue; // the server closed an idle connection: try at once
        }
        if (tries >= p->server->try_limit)
            return false;
        sleep((unsigned)p->server->retry_delay);
    }
}
