// fuzz_maildrop: any bytes as a file in maildrop/, or what a user sends to submit(8).
#include "mail/maildrop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct maildrop drop;

    if (size > 0)
        (void)!maildrop_parse(arena, str_n((const char *)data + 1, size - 1), data[0] & 1,
                              &drop, NULL);
    arena_free(arena);
    return 0;
}
