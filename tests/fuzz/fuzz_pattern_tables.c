// fuzz_pattern_tables: any text as the rules of cidr, regexp and pcre tables, and a key.
#include "table/table.h"
#include "util/log.h"
#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The first line is the key, the rest the source.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"cidr", "regexp", "pcre", "texthash"};
    char path[64];
    struct arena *arena = arena_new();
    struct str rest = arena_str(arena, str_n((const char *)data, size)), key = {"", 0};
    struct error err;
    const char *value;
    FILE *f;

    log_open("fuzz", 0, 0);
    snprintf(path, sizeof(path), "/tmp/relais-fuzz-table.%ld", (long)getpid());
    str_take_line(&rest, &key);
    f = fopen(path, "w");
    ensure(f != NULL);
    fwrite(rest.ptr, 1, rest.len, f);
    fclose(f);
    for (size_t i = 0; i < COUNT(types) && str_is_text(key); i++) {
        struct table *t = table_open(arena_printf(arena, "%s:%s", types[i], path), NULL,
                                     TABLE_FOLD_KEY, &err);

        ensure(t != NULL);
        if (table_find(t, arena, arena_text(arena, key), &value, &err) == TABLE_FOUND)
            ensure(value != NULL);
        table_close(t);
    }
    unlink(path);
    arena_free(arena);
    return 0;
}
