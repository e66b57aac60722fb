// buf: bytes that grow up to a limit fixed at the start, for what a peer can make us keep.
#pragma once
#include "util/arena.h"
#include "util/str.h"

struct buf;

// An empty buffer for at most `max` bytes of any value; gone when `arena` is reset.
struct buf *buf_make(struct arena *arena, size_t max);
// The same with a lifetime of its own.
struct buf *buf_new(size_t max);
void buf_free(struct buf *b);

// Append a copy. False if that would pass the limit; the buffer is then unchanged.
MUST_CHECK bool buf_append(struct buf *b, struct str s);
MUST_CHECK bool buf_append_c(struct buf *b, const char *text);
MUST_CHECK bool buf_append_char(struct buf *b, char c);
MUST_CHECK bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

// The same for text of our own making, where reaching the limit is a mistake of ours.
void buf_put(struct buf *b, struct str s);
void buf_put_c(struct buf *b, const char *text);
void buf_putf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Room for `len` more bytes to be written in place (by read(2), say), then buf_added tells
// how many came. NULL if that would pass the limit.
char *buf_room(struct buf *b, size_t len);
void buf_added(struct buf *b, size_t len);

// The contents, good until the next change or the arena's reset.
struct str buf_view(const struct buf *b);
// The same as a C string (a NUL stands behind the contents and is not counted).
const char *buf_text(struct buf *b);
size_t buf_len(const struct buf *b);
void buf_cut(struct buf *b, size_t len);     // keeps the first `len` bytes
void buf_consume(struct buf *b, size_t len); // drops the first `len` bytes
void buf_clear(struct buf *b);
