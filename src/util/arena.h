// arena: memory with one lifetime, such as a connection or a message; freed as a whole.
#pragma once
#include "util/base.h"
#include "util/str.h"
#include <stdarg.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena); // NULL is fine
// Gives everything back (keeping one block for reuse) and runs the cleanups, newest first.
void arena_reset(struct arena *arena);

// Zeroed memory for any type. Out of memory ends the process.
void *arena_alloc(struct arena *arena, size_t size);
// The same for an array; an overflowing product ends the process.
void *arena_array(struct arena *arena, size_t count, size_t size);
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

char *arena_strdup(struct arena *arena, const char *text);
// A NUL-terminated copy. The caller has checked str_is_text where that matters.
char *arena_text(struct arena *arena, struct str s);
struct str arena_str(struct arena *arena, struct str s);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *fmt, va_list args);
// A copy with ASCII letters in lower case.
char *arena_lower(struct arena *arena, struct str s);

// Calls run(arg) when the arena is reset or freed, for what owns more than memory.
void arena_on_reset(struct arena *arena, void (*run)(void *arg), void *arg);

// Bytes handed out since the last reset.
size_t arena_used(const struct arena *arena);

// malloc family that ends the process instead of returning NULL.
void *mem_alloc(size_t size); // zeroed
void *mem_realloc(void *ptr, size_t size);
char *mem_strdup(const char *text);
