// fuzz_master_cf: any text as master.cf.
#include "config/master_cf.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = arena_str(arena, str_n((const char *)data, size));
    struct master_cf cf = {NULL, 0};
    struct error err = {.text = ""};

    log_open("fuzz", 0, 0);
    if (master_cf_parse(arena, "fuzz", text, size % 2, &cf, &err))
        for (size_t i = 0; i < cf.len; i++)
            ensure(cf.entries[i].name[0] != '\0' && cf.entries[i].command[0] != '\0' &&
                   cf.entries[i].line > 0);
    else
        ensure(err.text[0] != '\0');
    arena_free(arena);
    return 0;
}
