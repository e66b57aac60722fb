// table_texthash: a postmap(1) source, read into memory.
#include "table/memory_map.h"
#include "table/source_line.h"
#include "table/table_type.h"
#include "util/log.h"

static void load(struct table *t, struct memory_map *map, struct str text)
{
    struct source src = {
        .lines = {.rest = text},
        .origin = t->name,
        .check_utf8 = (t->flags & TABLE_UTF8) != 0,
        .says_ignoring = true,
        .arena = arena_new(),
    };
    struct arena *folded = arena_new();
    struct str key, value;
    int line;

    while (source_next(&src, &key, &value, &line)) {
        struct str plain = key;

        if (t->flags & TABLE_FOLD_KEY)
            key = str_c(table_fold(folded, arena_text(folded, key)));
        if (!memory_map_put(map, key, value, (t->flags & TABLE_DUP_REPLACE) != 0) &&
            !(t->flags & (TABLE_DUP_REPLACE | TABLE_DUP_IGNORE)))
            log_warn("%s, line %d: duplicate entry: \"%.*s\"", t->name, line,
                     STR_FMT(plain));
        arena_reset(folded);
    }
    arena_free(folded);
    arena_free(src.arena);
}

static bool texthash_open(struct table *t, struct error *err)
{
    struct arena *scratch = arena_new();
    struct memory_map *map;
    struct str text;

    if (!table_read_source(t, scratch, true, &text, err)) {
        arena_free(scratch);
        return false;
    }
    map = memory_map_new();
    load(t, map, text);
    arena_free(scratch);
    t->state = map;
    return true;
}

static void texthash_close(struct table *t)
{
    memory_map_free(t->state);
}

static enum table_result texthash_find(struct table *t, struct arena *arena,
                                       const char *key, const char **value,
                                       struct error *err)
{
    const char *found = memory_map_find(t->state, key);

    (void)err;
    if (found == NULL)
        return TABLE_NOT_FOUND;
    *value = arena_strdup(arena, found);
    return TABLE_FOUND;
}

static enum table_result texthash_next(struct table *t, bool restart, struct arena *arena,
                                       struct str *key, struct str *value,
                                       struct error *err)
{
    (void)arena;
    (void)err;
    return memory_map_next(t->state, restart, key, value) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

const struct table_type table_type_texthash = {
    .name = "texthash",
    .traits = TABLE_FOLDS_KEYS,
    .open = texthash_open,
    .close = texthash_close,
    .find = texthash_find,
    .next = texthash_next,
};
