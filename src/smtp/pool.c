// pool: sessions that stay open for the next message to the same destination.
#include "smtp/pool.h"
#include "smtp/session.h"

enum { POOL_SIZE = 4 };

struct session_pool {
    struct session *sessions[POOL_SIZE]; // oldest first
    size_t len;
};

struct session_pool *session_pool_new(void)
{
    return mem_alloc(sizeof(struct session_pool));
}

static struct session *take_at(struct session_pool *pool, size_t i)
{
    struct session *s = pool->sessions[i];

    pool->len--;
    memmove(&pool->sessions[i], &pool->sessions[i + 1],
            (pool->len - i) * sizeof *pool->sessions);
    return s;
}

struct session *session_pool_take(struct session_pool *pool, const char *destination)
{
    (void)session_pool_expire(pool);
    for (size_t i = pool->len; i-- > 0;) {
        if (strcmp(pool->sessions[i]->destination, destination) != 0)
            continue;
        struct session *s = take_at(pool, i);

        if (!session_is_stale(s))
            return s;
        session_close(s);
    }
    return NULL;
}

void session_pool_keep(struct session_pool *pool, struct session *s, long seconds)
{
    if (pool->len == POOL_SIZE)
        session_quit(take_at(pool, 0));
    s->queue_id = ""; // that message is gone
    s->idle_until_ms = clock_ms() + seconds * 1000;
    pool->sessions[pool->len++] = s;
}

int64_t session_pool_expire(struct session_pool *pool)
{
    int64_t now = clock_ms(), next = -1;

    for (size_t i = 0; i < pool->len;) {
        int64_t left = pool->sessions[i]->idle_until_ms - now;

        if (left <= 0) {
            session_quit(take_at(pool, i));
            continue;
        }
        if (next < 0 || left < next)
            next = left;
        i++;
    }
    return next;
}

void session_pool_clear(struct session_pool *pool)
{
    while (pool->len > 0)
        session_quit(take_at(pool, 0));
}
