// main_cf: the text of main.cf as a dictionary, and $name expansion over it.
#include "config/main_cf.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include <stdlib.h>
#include <uthash.h>

enum { MAIN_CF_MAX = 16 << 20, EXPANDED_MAX = 1 << 20 };

struct item {
    char *name, *value;
    int line;
    UT_hash_handle hh;
};

struct main_cf {
    struct item *items;
    main_cf_default *find_default;
    void *default_ctx;
};

struct main_cf *main_cf_new(void)
{
    return mem_alloc(sizeof(struct main_cf));
}

void main_cf_free(struct main_cf *cf)
{
    struct item *item, *next;

    if (cf == NULL)
        return;
    HASH_ITER(hh, cf->items, item, next)
    {
        HASH_DEL(cf->items, item);
        free(item->name);
        free(item->value);
        free(item);
    }
    free(cf);
}

static struct item *find_item(const struct main_cf *cf, const char *name)
{
    struct item *item;

    HASH_FIND_STR(cf->items, name, item);
    return item;
}

static void set_item(struct main_cf *cf, const char *name, const char *value, int line)
{
    struct item *item = find_item(cf, name);

    if (item == NULL) {
        item = mem_alloc(sizeof(*item));
        item->name = mem_strdup(name);
        HASH_ADD_KEYPTR(hh, cf->items, item->name, strlen(item->name), item);
    } else {
        free(item->value);
    }
    item->value = mem_strdup(value);
    item->line = line;
}

void main_cf_set(struct main_cf *cf, const char *name, const char *value)
{
    set_item(cf, name, value, 0);
}

const char *main_cf_get(const struct main_cf *cf, const char *name)
{
    struct item *item = find_item(cf, name);

    return item == NULL ? NULL : item->value;
}

int main_cf_line(const struct main_cf *cf, const char *name)
{
    struct item *item = find_item(cf, name);

    return item == NULL ? 0 : item->line;
}

static int by_name(struct item *a, struct item *b)
{
    return strcmp(a->name, b->name);
}

void main_cf_names(const struct main_cf *cf, struct arena *arena, struct text_list *names)
{
    struct item *head = cf->items, *item;

    *names = (struct text_list){NULL, 0};
    HASH_SORT(head, by_name);
    for (item = head; item != NULL; item = item->hh.next)
        text_list_add(arena, names, item->name);
    // The sort moved the head; the table itself is the same.
    ((struct main_cf *)(uintptr_t)cf)->items = head;
}

void main_cf_on_default(struct main_cf *cf, main_cf_default *fn, void *ctx)
{
    cf->find_default = fn;
    cf->default_ctx = ctx;
}

static bool parse_line(struct main_cf *cf, const char *origin, int line_number,
                       struct str line, struct arena *arena, struct error *err)
{
    struct str name, value;

    if (ascii_is_space(line.ptr[0])) { // compat: passed over (test_postconf.py)
        log_warn("%s: logical line must not start with whitespace: \"%.*s\"", origin,
                 STR_FMT(str_sub(line, 0, 100)));
        return true;
    }
    if (!str_has_char(line, '='))
        return error_config(err, "%s, line %d: missing '=' after attribute name: \"%.*s\"",
                            origin, line_number, STR_FMT(str_sub(line, 0, 100)));
    if (!text_split_pair(line, &name, &value))
        return error_config(err, "%s, line %d: missing attribute name: \"%.*s\"", origin,
                            line_number, STR_FMT(str_sub(line, 0, 100)));
    for (size_t i = 0; i < name.len; i++)
        if (ascii_is_space(name.ptr[i]))
            return error_config(err,
                                "%s, line %d: missing '=' after attribute name: \"%.*s\"",
                                origin, line_number, STR_FMT(str_sub(line, 0, 100)));
    if (!str_is_text(line))
        return error_config(err, "file %s, line %d: NUL byte in \"%.*s\"", origin,
                            line_number, STR_FMT(name));

    const char *key = arena_text(arena, name);
    const char *old = main_cf_get(cf, key);
    const char *text = arena_text(arena, value);
    if (old != NULL && main_cf_line(cf, key) > 0 && strcmp(old, text) != 0)
        log_warn("%s, line %d: overriding earlier entry: %s=%s", origin, line_number, key,
                 old);
    set_item(cf, key, text, line_number);
    return true;
}

bool main_cf_parse(struct main_cf *cf, const char *origin, struct str text,
                   struct error *err)
{
    struct arena *arena = arena_new();
    struct logical_lines lines = {.rest = text};
    struct str line;
    int line_number = 0;
    bool good = true;

    while (good && logical_line_next(arena, &lines, &line, &line_number))
        good = parse_line(cf, origin, line_number, line, arena, err);
    arena_free(arena);
    return good;
}

bool main_cf_read(struct main_cf *cf, const char *path, struct error *err)
{
    struct arena *arena = arena_new();
    struct str text;
    bool good = file_read_all(arena, path, MAIN_CF_MAX, &text, err) &&
                main_cf_parse(cf, path, text, err);

    arena_free(arena);
    return good;
}

// The value that $name stands for in main.cf, unexpanded.
static const char *find_value(const char *name, void *ctx)
{
    const struct main_cf *cf = ctx;
    const char *value = main_cf_get(cf, name);

    if (value == NULL && cf->find_default != NULL)
        value = cf->find_default(name, cf->default_ctx);
    return value;
}

bool main_cf_expand(const struct main_cf *cf, struct arena *arena, const char *text,
                    const char **result, struct error *err)
{
    if (strchr(text, '$') == NULL) {
        *result = arena_strdup(arena, text);
        return true;
    }
    return text_expand(arena, text, true, find_value, (void *)(uintptr_t)cf, result, err);
}
