// fuzz_bounce_log: any text as a bounce, defer or trace log.
#include "bounce/bounce_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct bounce_log log;

    bounce_log_parse(arena, arena_str(arena, str_n((const char *)data, size)), &log);
    for (size_t i = 0; i < log.len; i++)
        ensure(log.rcpts[i].address != NULL && log.rcpts[i].reason != NULL);
    arena_free(arena);
    return 0;
}
