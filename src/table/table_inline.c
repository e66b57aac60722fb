// table_inline: inline:{key=value, {key = text with blanks}}, and internal: an empty table
// of the process's own that can be filled.
#include "table/memory_map.h"
#include "table/table_type.h"
#include "util/text.h"

static bool bad_syntax(const struct table *t, const char *what, struct error *err)
{
    return error_config(err, "%s: \"%s\"; need \"%s:{name=value...}\"", what, t->spec,
                        t->type->name);
}

// "name = value"; the name may be empty (compat: such an entry is only never found).
static bool split_pair(struct str s, struct str *name, struct str *value)
{
    size_t equals = str_index(s, '=');

    if (equals == SIZE_MAX)
        return false;
    *name = str_trim(str_sub(s, 0, equals));
    *value = str_trim(str_from(s, equals + 1));
    return true;
}

static bool load(struct table *t, struct memory_map *map, struct str rest,
                 struct error *err)
{
    struct arena *scratch = arena_new();
    struct str element, inner, name, value;
    const char *wrong = NULL;

    while (wrong == NULL && text_take_element(&rest, &element)) {
        if (element.ptr == NULL) {
            wrong = "bad syntax";
            break;
        }
        inner = element;
        if (element.ptr[0] == '{' && !text_unbrace(element, &inner))
            wrong = arena_printf(scratch, "syntax error after '}' in \"%.*s\"",
                                 STR_FMT(element));
        else if (!split_pair(inner, &name, &value))
            wrong = "missing '=' after attribute name";
        else
            memory_map_put(map, str_c(table_fold(scratch, arena_text(scratch, name))),
                           value, true);
    }
    if (wrong != NULL)
        bad_syntax(t, wrong, err);
    arena_free(scratch);
    return wrong == NULL;
}

static bool inline_open(struct table *t, struct error *err)
{
    struct memory_map *map;
    struct str inner;

    if (!text_unbrace(str_c(t->name), &inner) || inner.len == 0)
        return bad_syntax(t, "bad syntax", err);
    if ((t->flags & TABLE_UTF8) && !utf8_is_valid(inner))
        return bad_syntax(t, "bad UTF-8 syntax", err);
    map = memory_map_new();
    if (!load(t, map, inner, err)) {
        memory_map_free(map);
        return false;
    }
    t->state = map;
    return true;
}

static bool internal_open(struct table *t, struct error *err)
{
    (void)err;
    t->state = memory_map_new();
    return true;
}

static void memory_close(struct table *t)
{
    memory_map_free(t->state);
}

static enum table_result memory_find(struct table *t, struct arena *arena, const char *key,
                                     const char **value, struct error *err)
{
    const char *found = memory_map_find(t->state, key);

    (void)err;
    if (found == NULL)
        return TABLE_NOT_FOUND;
    *value = arena_strdup(arena, found);
    return TABLE_FOUND;
}

static enum table_result memory_next(struct table *t, bool restart, struct arena *arena,
                                     struct str *key, struct str *value, struct error *err)
{
    (void)arena;
    (void)err;
    return memory_map_next(t->state, restart, key, value) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

static bool internal_put(struct table *t, struct str key, struct str value,
                         struct error *err)
{
    (void)err;
    memory_map_put(t->state, key, value, (t->flags & TABLE_DUP_IGNORE) == 0);
    return true;
}

static enum table_result internal_remove(struct table *t, struct str key, struct error *err)
{
    (void)err;
    return memory_map_remove(t->state, key) ? TABLE_FOUND : TABLE_NOT_FOUND;
}

const struct table_type table_type_inline = {
    .name = "inline",
    .traits = TABLE_FOLDS_KEYS,
    .open = inline_open,
    .close = memory_close,
    .find = memory_find,
    .next = memory_next,
};

const struct table_type table_type_internal = {
    .name = "internal",
    .open = internal_open,
    .close = memory_close,
    .find = memory_find,
    .put = internal_put,
    .remove = internal_remove,
    .next = memory_next,
};
