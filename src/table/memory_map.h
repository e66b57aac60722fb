// memory_map: keys and values held in memory, for texthash, inline and internal.
#pragma once
#include "util/arena.h"
#include "util/str.h"

struct memory_map;

struct memory_map *memory_map_new(void);
void memory_map_free(struct memory_map *map);
// True if the key was new; else the old value stays (or, with `replace`, goes).
bool memory_map_put(struct memory_map *map, struct str key, struct str value, bool replace);
const char *memory_map_find(const struct memory_map *map, const char *key); // NULL: none
bool memory_map_remove(struct memory_map *map, struct str key);
// In the order of entry. False at the end.
bool memory_map_next(struct memory_map *map, bool restart, struct str *key,
                     struct str *value);
