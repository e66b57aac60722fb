// buf: bytes that grow up to a limit fixed at the start, for what a peer can make us keep.
#include "util/buf.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>

struct buf {
    char *data;
    size_t start, len, size, max; // contents are data[start .. start + len)
};

static void free_data(void *arg)
{
    struct buf *b = arg;

    free(b->data);
    b->data = NULL;
}

struct buf *buf_make(struct arena *arena, size_t max)
{
    struct buf *b = ARENA_NEW(arena, struct buf);

    b->max = max;
    arena_on_reset(arena, free_data, b);
    return b;
}

struct buf *buf_new(size_t max)
{
    struct buf *b = mem_alloc(sizeof(*b));

    b->max = max;
    return b;
}

void buf_free(struct buf *b)
{
    if (b == NULL)
        return;
    free(b->data);
    free(b);
}

// One byte more than asked for is kept for the NUL of buf_text.
char *buf_room(struct buf *b, size_t len)
{
    if (len > b->max - b->len)
        return NULL;
    if (b->start + b->len + len + 1 > b->size) {
        size_t need = b->len + len + 1;

        if (b->start > 0 && b->len > 0)
            memmove(b->data, b->data + b->start, b->len);
        b->start = 0;
        if (need > b->size) {
            size_t grown = b->size < 256 ? 256 : b->size + b->size / 2;
            b->size = need > grown ? need : grown;
            b->data = mem_realloc(b->data, b->size);
        }
    }
    return b->data + b->start + b->len;
}

void buf_added(struct buf *b, size_t len)
{
    ensure(b->start + b->len + len < b->size);
    b->len += len;
}

bool buf_append(struct buf *b, struct str s)
{
    char *to = buf_room(b, s.len);

    if (to == NULL)
        return false;
    if (s.len > 0)
        memcpy(to, s.ptr, s.len);
    b->len += s.len;
    return true;
}

bool buf_append_c(struct buf *b, const char *text)
{
    return buf_append(b, str_c(text));
}

bool buf_append_char(struct buf *b, char c)
{
    return buf_append(b, str_n(&c, 1));
}

static bool append_formatted(struct buf *b, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    ensure(len >= 0);

    char *to = buf_room(b, (size_t)len);
    if (to == NULL)
        return false;
    vsnprintf(to, (size_t)len + 1, fmt, args);
    b->len += (size_t)len;
    return true;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bool fits = append_formatted(b, fmt, args);
    va_end(args);
    return fits;
}

void buf_put(struct buf *b, struct str s)
{
    bool fits = buf_append(b, s);
    ensure(fits);
}

void buf_put_c(struct buf *b, const char *text)
{
    buf_put(b, str_c(text));
}

void buf_putf(struct buf *b, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    bool fits = append_formatted(b, fmt, args);
    va_end(args);
    ensure(fits);
}

struct str buf_view(const struct buf *b)
{
    return b->len == 0 ? str_n("", 0) : str_n(b->data + b->start, b->len);
}

const char *buf_text(struct buf *b)
{
    if (b->size == 0)
        return "";
    b->data[b->start + b->len] = '\0';
    return b->data + b->start;
}

size_t buf_len(const struct buf *b)
{
    return b->len;
}

void buf_cut(struct buf *b, size_t len)
{
    if (len < b->len)
        b->len = len;
}

void buf_consume(struct buf *b, size_t len)
{
    ensure(len <= b->len);
    b->start += len;
    b->len -= len;
    if (b->len == 0)
        b->start = 0;
}

void buf_clear(struct buf *b)
{
    b->start = b->len = 0;
}
