// arena: memory with one lifetime, such as a connection or a message; freed as a whole.
#include "util/arena.h"
#include "util/log.h"
#include "util/text.h"
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_SIZE = 8192, ALIGNMENT = 16 };

struct block {
    struct block *next;
    size_t size, used;
    _Alignas(ALIGNMENT) char data[];
};

struct cleanup {
    struct cleanup *next;
    void (*run)(void *arg);
    void *arg;
};

struct arena {
    struct block *blocks; // the newest first; the oldest is kept on reset
    struct cleanup *cleanups;
    size_t used;
};

void *mem_alloc(size_t size)
{
    void *ptr = calloc(1, size == 0 ? 1 : size);

    if (ptr == NULL)
        log_fatal("out of memory: %zu bytes", size);
    return ptr;
}

void *mem_realloc(void *ptr, size_t size)
{
    ptr = realloc(ptr, size == 0 ? 1 : size);
    if (ptr == NULL)
        log_fatal("out of memory: %zu bytes", size);
    return ptr;
}

char *mem_strdup(const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL)
        log_fatal("out of memory: %zu bytes", strlen(text) + 1);
    return copy;
}

struct arena *arena_new(void)
{
    return mem_alloc(sizeof(struct arena));
}

static void run_cleanups(struct arena *arena)
{
    while (arena->cleanups != NULL) {
        struct cleanup *c = arena->cleanups;
        arena->cleanups = c->next;
        c->run(c->arg);
    }
}

void arena_reset(struct arena *arena)
{
    struct block *block = arena->blocks;

    run_cleanups(arena);
    while (block != NULL && (block->next != NULL || block->size > BLOCK_SIZE)) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = block;
    if (block != NULL)
        block->used = 0;
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    arena_reset(arena);
    free(arena->blocks);
    free(arena);
}

static struct block *add_block(struct arena *arena, size_t size)
{
    struct block *block = malloc(sizeof(struct block) + size);

    if (block == NULL)
        log_fatal("out of memory: %zu bytes", size);
    block->size = size;
    block->used = 0;
    if (size > BLOCK_SIZE &&
        arena->blocks != NULL) { // keep filling the current small block
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    } else {
        block->next = arena->blocks;
        arena->blocks = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct block *block = arena->blocks;

    if (size > SIZE_MAX / 2)
        log_fatal("out of memory: %zu bytes", size);
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (block == NULL || block->size - block->used < size)
        block = add_block(arena, size > BLOCK_SIZE / 2 ? size + BLOCK_SIZE : BLOCK_SIZE);

    void *ptr = block->data + block->used;
    block->used += size;
    arena->used += size;
    return memset(ptr, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        log_fatal("out of memory: %zu times %zu bytes", count, size);
    return arena_alloc(arena, total);
}

char *arena_text(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_text(arena, str_c(text));
}

struct str arena_str(struct arena *arena, struct str s)
{
    return str_n(arena_text(arena, s), s.len);
}

char *arena_vprintf(struct arena *arena, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    ensure(len >= 0);

    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

char *arena_lower(struct arena *arena, struct str s)
{
    char *text = arena_text(arena, s);

    for (size_t i = 0; i < s.len; i++)
        text[i] = ascii_lower(text[i]);
    return text;
}

void arena_on_reset(struct arena *arena, void (*run)(void *arg), void *arg)
{
    struct cleanup *c = ARENA_NEW(arena, struct cleanup);

    *c = (struct cleanup){.next = arena->cleanups, .run = run, .arg = arg};
    arena->cleanups = c;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
