// table: opening a table by its type, and what is the same for all types.
#include "table/table.h"
#include "table/table_type.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <stdlib.h>
#include <unicase.h>

#define SOURCE_MAX ((size_t)1 << 32)

// Sorted by name, as postconf -m lists them.
static const struct table_type *const types[] = {
    &table_type_btree,   &table_type_cidr,     &table_type_environ,  &table_type_fail,
    &table_type_hash,    &table_type_inline,   &table_type_internal, &table_type_pcre,
    &table_type_pipemap, &table_type_proxy,    &table_type_randmap,  &table_type_regexp,
    &table_type_static,  &table_type_texthash, &table_type_unionmap, &table_type_unix,
};

const char *const *table_type_names(size_t *len)
{
    static const char *names[COUNT(types)];

    for (size_t i = 0; i < COUNT(types); i++)
        names[i] = types[i]->name;
    *len = COUNT(types);
    return names;
}

static const struct table_type *type_find(struct str name)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_is(name, types[i]->name))
            return types[i];
    return NULL;
}

const char *table_fold(struct arena *arena, const char *key)
{
    struct str s = str_c(key);
    uint8_t small[512], *folded;
    size_t len = sizeof(small);

    if (str_is_ascii(s) || !utf8_is_valid(s))
        return arena_lower(arena, s);
    folded = u8_casefold((const uint8_t *)key, s.len, NULL, NULL, small, &len);
    if (folded == NULL)
        return arena_lower(arena, s);
    char *result = arena_text(arena, str_n((const char *)folded, len));
    if (folded != small)
        free(folded);
    return result;
}

const char *table_fold_key(struct arena *arena, struct str key)
{
    return table_fold(arena, arena_text(arena, key));
}

// "{ {a b}, {c d} }" -> "a b\nc d\n".
static bool inline_rules(struct table *t, struct arena *arena, struct str *text,
                         struct error *err)
{
    struct str rest = str_trim(str_c(t->name)), element, rule;
    struct buf *lines = buf_make(arena, SOURCE_MAX);
    struct str whole;

    if (!text_unbrace(rest, &whole))
        return error_config(err,
                            text_take_element(&rest, &element) && element.ptr == NULL
                                ? "%s map: missing '}' in \"%s\""
                                : "%s map: syntax error after '}' in \"%s\"",
                            t->type->name, t->name);
    while (text_take_element(&whole, &element)) {
        if (element.ptr == NULL)
            return error_config(err, "%s map: missing '}' in \"%s\"", t->type->name,
                                t->name);
        if (element.ptr[0] != '{')
            return error_config(err, "%s map: no '{' at start of text in \"%.*s\"",
                                t->type->name, STR_FMT(element));
        if (!text_unbrace(element, &rule))
            return error_config(err, "%s map: syntax error after '}' in \"%.*s\"",
                                t->type->name, STR_FMT(element));
        buf_put(lines, rule);
        buf_put_c(lines, "\n");
    }
    *text = buf_view(lines);
    return true;
}

bool table_read_source(struct table *t, struct arena *arena, bool files_only,
                       struct str *text, struct error *err)
{
    if (!files_only && t->name[0] == '{')
        return inline_rules(t, arena, text, err);
    t->path = t->name;
    // Seen before reading: a change in between is then noticed later.
    if (stat(t->path, &t->seen) < 0)
        return error_temp(err, "4.3.0", "open %s%s: %m", files_only ? "database " : "",
                          t->path);
    if (!S_ISREG(t->seen.st_mode) && !S_ISFIFO(t->seen.st_mode) &&
        !S_ISCHR(t->seen.st_mode)) {
        errno = EISDIR;
        return error_temp(err, "4.3.0", "open %s%s: %m", files_only ? "database " : "",
                          t->path);
    }
    return file_read_all(arena, t->path, SOURCE_MAX, text, err);
}

bool table_refuses_substitution(const struct table *t)
{
    return (t->flags & TABLE_NO_REGSUB) != 0;
}

static bool spec_split(const char *spec, const char *default_type, struct str *type,
                       struct str *name, struct error *err)
{
    struct str s = str_c(spec);
    size_t colon = str_index(s, ':');

    if (colon == SIZE_MAX && default_type != NULL) {
        *type = str_c(default_type);
        *name = s;
        return true;
    }
    if (colon == SIZE_MAX || colon == 0 || colon + 1 == s.len)
        return error_config(
            err, "open dictionary: expecting \"type:name\" form instead of \"%s\"", spec);
    *type = str_sub(s, 0, colon);
    *name = str_from(s, colon + 1);
    return true;
}

static bool type_open(struct table *t, struct error *err)
{
    t->check_after = clock_ms() + 1000;
    t->traits = t->type->traits;
    return t->type->open(t, err);
}

struct table *table_open(const char *spec, const char *default_type, unsigned flags,
                         struct error *err)
{
    const struct table_type *type;
    struct str type_name = {"", 0}, name = {"", 0};

    if (!spec_split(spec, default_type, &type_name, &name, err))
        return NULL;
    type = type_find(type_name);
    if (type == NULL) {
        error_config(err, "unsupported dictionary type: %.*s", STR_FMT(type_name));
        return NULL;
    }
    struct arena *arena = arena_new();
    struct table *t = ARENA_NEW(arena, struct table);

    t->arena = arena;
    t->type = type;
    t->flags = flags;
    t->spec = arena_printf(arena, "%.*s:%.*s", STR_FMT(type_name), STR_FMT(name));
    t->name = t->spec + type_name.len + 1;
    if (type_open(t, &t->broken))
        t->broken = (struct error){.kind = ERROR_NONE};
    else if (flags & (TABLE_CREATE | TABLE_WRITE)) {
        if (err != NULL)
            *err = t->broken;
        t->state = NULL;
        table_close(t);
        return NULL;
    }
    return t;
}

void table_close(struct table *t)
{
    if (t == NULL)
        return;
    if (t->state != NULL)
        t->type->close(t);
    arena_free(t->arena);
}

const struct error *table_open_error(const struct table *t)
{
    return t->broken.kind == ERROR_NONE ? NULL : &t->broken;
}

bool table_commit(struct table *t, struct error *err)
{
    return t->type->commit == NULL || t->type->commit(t, err);
}

// A missing file that has come, or one that was replaced.
static void mend(struct table *t)
{
    struct error err;

    if (t->broken.kind != ERROR_NONE && clock_ms() >= t->check_after)
        (void)table_reopen(t, &err);
}

static bool key_is_usable(const struct table *t, const char *key)
{
    if (!(t->flags & TABLE_UTF8) || utf8_is_valid(str_c(key)))
        return true;
    log_warn("%s: non-UTF-8 key \"%s\": malformed UTF-8 or invalid codepoint", t->spec,
             key);
    return false;
}

enum table_result table_find(struct table *t, struct arena *arena, const char *key,
                             const char **value, struct error *err)
{
    const char *found = NULL;
    enum table_result result;

    mend(t);
    if (t->broken.kind != ERROR_NONE) {
        error_temp(err, "4.3.0", "%s is unavailable. %s", t->spec, t->broken.text);
        return TABLE_FAILED;
    }
    if (!key_is_usable(t, key))
        return TABLE_NOT_FOUND;
    if ((t->flags & TABLE_FOLD_KEY) && (t->traits & TABLE_FOLDS_KEYS))
        key = table_fold(arena, key);
    result = t->type->find(t, arena, key, &found, err);
    if (result != TABLE_FOUND)
        return result;
    if ((t->flags & TABLE_UTF8) && !utf8_is_valid(str_c(found))) {
        log_warn(
            "%s: key \"%s\": non-UTF-8 value \"%s\": malformed UTF-8 or invalid codepoint",
            t->spec, key, found);
        error_temp(err, "4.3.0", "table %s: non-UTF-8 value for key \"%s\"", t->spec, key);
        return TABLE_FAILED;
    }
    *value = found;
    return TABLE_FOUND;
}

const char *table_spec(const struct table *t)
{
    return t->spec;
}

bool table_is_pattern(const struct table *t)
{
    return (t->traits & TABLE_IS_PATTERN) != 0;
}

bool table_is_fork_unsafe(const struct table *t)
{
    return (t->traits & TABLE_FORK_UNSAFE) != 0;
}

bool table_may_wait(const struct table *t)
{
    return (t->traits & TABLE_MAY_WAIT) != 0;
}

bool table_has_changed(struct table *t)
{
    struct stat now;
    int64_t clock;

    if (t->broken.kind != ERROR_NONE)
        return clock_ms() >= t->check_after;
    if (t->type->has_changed != NULL)
        return t->type->has_changed(t);
    if (t->path == NULL || (clock = clock_ms()) < t->check_after)
        return false;
    t->check_after = clock + 1000;
    if (stat(t->path, &now) < 0)
        return false; // gone, or out of sight in a chroot: what was read stays good
    return now.st_ino != t->seen.st_ino || now.st_dev != t->seen.st_dev ||
           now.st_size != t->seen.st_size || now.st_mtim.tv_sec != t->seen.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != t->seen.st_mtim.tv_nsec;
}

bool table_reopen(struct table *t, struct error *err)
{
    struct table fresh = {.type = t->type,
                          .spec = t->spec,
                          .name = t->name,
                          .flags = t->flags,
                          .arena = t->arena};
    struct error why;

    if (!type_open(&fresh, &why)) {
        t->check_after = clock_ms() + 1000;
        if (t->broken.kind != ERROR_NONE)
            t->broken = why;
        if (err != NULL)
            *err = why;
        return false;
    }
    if (t->state != NULL)
        t->type->close(t);
    *t = fresh;
    return true;
}

static bool unsupported(const struct table *t, const char *what, struct error *err)
{
    return error_config(err, "table %s: %s operation is not supported", t->spec, what);
}

bool table_put(struct table *t, struct str key, struct str value, struct error *err)
{
    return t->type->put != NULL ? t->type->put(t, key, value, err)
                                : unsupported(t, "update", err);
}

enum table_result table_delete(struct table *t, struct str key, struct error *err)
{
    if (t->type->remove != NULL)
        return t->type->remove(t, key, err);
    unsupported(t, "delete", err);
    return TABLE_FAILED;
}

enum table_result table_next(struct table *t, bool restart, struct arena *arena,
                             struct str *key, struct str *value, struct error *err)
{
    if (t->broken.kind != ERROR_NONE) {
        *err = t->broken;
        return TABLE_FAILED;
    }
    if (t->type->next != NULL)
        return t->type->next(t, restart, arena, key, value, err);
    unsupported(t, "sequence", err);
    return TABLE_FAILED;
}
