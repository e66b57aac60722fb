// fuzz_alias_source: any text as an aliases(5) file and as a postmap(1) source.
#include "table/alias_source.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = arena_str(arena, str_n((const char *)data, size)), key, value;
    struct source src = {.origin = "fuzz", .check_utf8 = size % 2, .arena = arena};
    int line;

    log_open("fuzz", 0, 0);
    src.lines.rest = text;
    while (alias_source_next(&src, arena, &key, &value, &line))
        ensure(key.len > 0 && value.len > 0 && line > 0);
    src.lines = (struct logical_lines){.rest = text};
    while (source_next(&src, &key, &value, &line))
        ensure(key.len > 0 && value.len > 0 && line > 0);
    arena_free(arena);
    return 0;
}
