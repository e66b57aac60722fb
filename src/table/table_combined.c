// table_combined: types made of other tables: pipemap, unionmap, proxy; and randmap.
#include "table/table_type.h"
#include "util/buf.h"
#include "util/text.h"
#include <stdlib.h>
#include <sys/random.h>

#define MEMBERS_MAX 1000
#define RESULT_MAX (1u << 20)

struct members {
    struct table **tables;
    struct text_list texts;
    size_t len;
};

static bool bad_syntax(const struct table *t, const char *need, struct error *err)
{
    return error_config(err, "bad syntax: \"%s\"; need \"%s:{%s...}\"", t->spec,
                        t->type->name, need);
}

static bool split(struct table *t, struct arena *arena, const char *need,
                  struct text_list *list, struct error *err)
{
    struct str inner;

    if (!text_unbrace(str_c(t->name), &inner) ||
        !text_list_parse(arena, arena_text(arena, inner), list, NULL) || list->len == 0 ||
        list->len > MEMBERS_MAX)
        return bad_syntax(t, need, err);
    return true;
}

static void members_close(struct table *t)
{
    struct members *m = t->state;

    for (size_t i = 0; i < m->len; i++)
        table_close(m->tables[i]);
    free(m->tables);
    free(m);
    t->state = NULL;
}

static bool members_open(struct table *t, struct error *err)
{
    struct text_list list = {NULL, 0};
    struct members *m;

    if (!split(t, t->arena, "type:name", &list, err))
        return false;
    m = mem_alloc(sizeof(*m));
    m->tables = mem_alloc(list.len * sizeof(*m->tables));
    t->state = m;
    for (size_t i = 0; i < list.len; i++) {
        if (strchr(list.items[i], ':') == NULL) {
            members_close(t);
            return bad_syntax(t, "type:name", err);
        }
        m->tables[i] = table_open(list.items[i], NULL, t->flags, err);
        if (m->tables[i] == NULL) {
            members_close(t);
            return false;
        }
        m->len++;
        t->traits |= m->tables[i]->traits;
        // A member that cannot be opened makes the whole unusable.
        if (table_open_error(m->tables[i]) != NULL) {
            if (err != NULL)
                *err = *table_open_error(m->tables[i]);
            members_close(t);
            return false;
        }
    }
    return true;
}

static bool members_have_changed(struct table *t)
{
    const struct members *m = t->state;

    for (size_t i = 0; i < m->len; i++)
        if (table_has_changed(m->tables[i]))
            return true;
    return false;
}

static enum table_result pipemap_find(struct table *t, struct arena *arena, const char *key,
                                      const char **value, struct error *err)
{
    const struct members *m = t->state;

    for (size_t i = 0; i < m->len; i++) {
        enum table_result result = table_find(m->tables[i], arena, key, &key, err);

        if (result != TABLE_FOUND)
            return result;
    }
    *value = key;
    return TABLE_FOUND;
}

static enum table_result unionmap_find(struct table *t, struct arena *arena,
                                       const char *key, const char **value,
                                       struct error *err)
{
    const struct members *m = t->state;
    struct buf *joined = NULL;

    for (size_t i = 0; i < m->len; i++) {
        const char *one;
        enum table_result result = table_find(m->tables[i], arena, key, &one, err);

        if (result == TABLE_FAILED)
            return result;
        if (result == TABLE_NOT_FOUND)
            continue;
        if (joined == NULL)
            joined = buf_make(arena, RESULT_MAX);
        if (!buf_printf(joined, "%s%s", buf_len(joined) > 0 ? "," : "", one)) {
            error_temp(err, "4.3.0", "table %s: result for \"%s\" is too long", t->spec,
                       key);
            return TABLE_FAILED;
        }
    }
    if (joined == NULL)
        return TABLE_NOT_FOUND;
    *value = buf_text(joined);
    return TABLE_FOUND;
}

// The tables themselves are opened; a proxymap(8) service only matters where a chroot or
// privileges keep a program from its tables.
static bool proxy_open(struct table *t, struct error *err)
{
    struct table *real = table_open(t->name, NULL, t->flags, err);

    if (real == NULL)
        return false;
    if (table_open_error(real) != NULL) {
        if (err != NULL)
            *err = *table_open_error(real);
        table_close(real);
        return false;
    }
    t->state = real;
    t->traits |= real->traits;
    return true;
}

static bool proxy_has_changed(struct table *t)
{
    return table_has_changed(t->state);
}

static void proxy_close(struct table *t)
{
    table_close(t->state);
    t->state = NULL;
}

static enum table_result proxy_find(struct table *t, struct arena *arena, const char *key,
                                    const char **value, struct error *err)
{
    return table_find(t->state, arena, key, value, err);
}

static bool proxy_put(struct table *t, struct str key, struct str value, struct error *err)
{
    return table_put(t->state, key, value, err);
}

static enum table_result proxy_remove(struct table *t, struct str key, struct error *err)
{
    return table_delete(t->state, key, err);
}

static enum table_result proxy_next(struct table *t, bool restart, struct arena *arena,
                                    struct str *key, struct str *value, struct error *err)
{
    return table_next(t->state, restart, arena, key, value, err);
}

static bool randmap_open(struct table *t, struct error *err)
{
    struct text_list list = {NULL, 0};
    struct members *m;

    if (!split(t, t->arena, "value", &list, err))
        return false;
    m = mem_alloc(sizeof(*m));
    m->texts = list;
    t->state = m;
    return true;
}

static enum table_result randmap_find(struct table *t, struct arena *arena, const char *key,
                                      const char **value, struct error *err)
{
    const struct members *m = t->state;
    uint32_t number = 0;

    (void)key;
    (void)err;
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
        number = (uint32_t)random();
    *value = arena_strdup(arena, m->texts.items[number % m->texts.len]);
    return TABLE_FOUND;
}

const struct table_type table_type_pipemap = {
    .name = "pipemap",
    .open = members_open,
    .close = members_close,
    .find = pipemap_find,
    .has_changed = members_have_changed,
};

const struct table_type table_type_unionmap = {
    .name = "unionmap",
    .open = members_open,
    .close = members_close,
    .find = unionmap_find,
    .has_changed = members_have_changed,
};

const struct table_type table_type_proxy = {
    .name = "proxy",
    .open = proxy_open,
    .close = proxy_close,
    .find = proxy_find,
    .has_changed = proxy_has_changed,
    .put = proxy_put,
    .remove = proxy_remove,
    .next = proxy_next,
};

const struct table_type table_type_randmap = {
    .name = "randmap",
    .open = randmap_open,
    .close = members_close,
    .find = randmap_find,
};
