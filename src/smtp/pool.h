// pool: sessions that stay open for the next message to the same destination.
#pragma once
#include "util/base.h"

struct session;
struct session_pool;

struct session_pool *session_pool_new(void);
// Takes out a live session for `destination`, or NULL.
struct session *session_pool_take(struct session_pool *pool, const char *destination);
// Keeps `s` for `seconds` at most; the longest idle one goes when there are too many.
void session_pool_keep(struct session_pool *pool, struct session *s, long seconds);
// Ends those whose time is over; milliseconds until the next one's, -1 without any.
int64_t session_pool_expire(struct session_pool *pool);
void session_pool_clear(struct session_pool *pool);
