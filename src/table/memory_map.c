// memory_map: keys and values held in memory, for texthash, inline and internal.
#include "table/memory_map.h"
#include <stdlib.h>
#define uthash_fatal(msg) abort()
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    const char *key;
    char *value;
    size_t key_len;
};

struct memory_map {
    struct arena *arena;
    struct entry *entries, *cursor;
};

struct memory_map *memory_map_new(void)
{
    struct memory_map *map = mem_alloc(sizeof(*map));

    map->arena = arena_new();
    return map;
}

void memory_map_free(struct memory_map *map)
{
    HASH_CLEAR(hh, map->entries); // the entries themselves are the arena's
    arena_free(map->arena);
    free(map);
}

static struct entry *find(const struct memory_map *map, const char *key, size_t len)
{
    struct entry *e;

    HASH_FIND(hh, map->entries, key, (unsigned)len, e);
    return e;
}

bool memory_map_put(struct memory_map *map, struct str key, struct str value, bool replace)
{
    struct entry *e = find(map, key.ptr, key.len);

    if (e != NULL) {
        if (replace)
            e->value = arena_text(map->arena, value);
        return false;
    }
    e = ARENA_NEW(map->arena, struct entry);
    e->key = arena_text(map->arena, key);
    e->key_len = key.len;
    e->value = arena_text(map->arena, value);
    HASH_ADD_KEYPTR(hh, map->entries, e->key, (unsigned)e->key_len, e);
    return true;
}

const char *memory_map_find(const struct memory_map *map, const char *key)
{
    struct entry *e = find(map, key, strlen(key));

    return e == NULL ? NULL : e->value;
}

bool memory_map_remove(struct memory_map *map, struct str key)
{
    struct entry *e = find(map, key.ptr, key.len);

    if (e == NULL)
        return false;
    if (map->cursor == e)
        map->cursor = e->hh.next;
    HASH_DELETE(hh, map->entries, e);
    return true;
}

bool memory_map_next(struct memory_map *map, bool restart, struct str *key,
                     struct str *value)
{
    struct entry *e = restart ? map->entries : map->cursor;

    if (e == NULL)
        return false;
    map->cursor = e->hh.next;
    *key = str_n(e->key, e->key_len);
    *value = str_c(e->value);
    return true;
}
