// table_small: types that are a few lines each: static, environ, unix, fail.
#include "table/table_type.h"
#include "util/buf.h"
#include "util/text.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

static char no_state; // what t->state points to where a type has none

static bool open_plain(struct table *t, struct error *err)
{
    (void)err;
    t->state = &no_state;
    return true;
}

static void close_plain(struct table *t)
{
    t->state = NULL;
}

static bool static_open(struct table *t, struct error *err)
{
    struct str inner;

    if (t->name[0] != '{') {
        t->state = &no_state;
        return true;
    }
    if (!text_unbrace(str_c(t->name), &inner))
        return error_config(err, "bad static:name syntax: %s in \"%s\"",
                            strchr(t->name, '}') == NULL ? "missing '}'"
                                                         : "syntax error after '}'",
                            t->name);
    t->name = arena_text(t->arena, inner);
    t->state = &no_state;
    return true;
}

static enum table_result static_find(struct table *t, struct arena *arena, const char *key,
                                     const char **value, struct error *err)
{
    (void)key;
    (void)err;
    *value = arena_strdup(arena, t->name);
    return TABLE_FOUND;
}

static enum table_result environ_find(struct table *t, struct arena *arena, const char *key,
                                      const char **value, struct error *err)
{
    const char *found = getenv(key);

    (void)t;
    (void)err;
    if (found == NULL)
        return TABLE_NOT_FOUND;
    *value = arena_strdup(arena, found);
    return TABLE_FOUND;
}

static enum table_result find_user(struct arena *arena, const char *key, const char **value,
                                   struct error *err)
{
    struct passwd *pw;

    errno = 0;
    pw = getpwnam(key);
    if (pw == NULL && errno != 0 && errno != ENOENT && errno != ESRCH) {
        error_temp(err, "4.3.0", "unix:passwd.byname: look up \"%s\": %m", key);
        return TABLE_FAILED;
    }
    if (pw == NULL)
        return TABLE_NOT_FOUND;
    *value = arena_printf(arena, "%s:%s:%ld:%ld:%s:%s:%s", pw->pw_name, pw->pw_passwd,
                          (long)pw->pw_uid, (long)pw->pw_gid, pw->pw_gecos, pw->pw_dir,
                          pw->pw_shell);
    return TABLE_FOUND;
}

static enum table_result find_group(struct arena *arena, const char *key,
                                    const char **value, struct error *err)
{
    struct group *gr;
    struct buf *line;

    errno = 0;
    gr = getgrnam(key);
    if (gr == NULL && errno != 0 && errno != ENOENT && errno != ESRCH) {
        error_temp(err, "4.3.0", "unix:group.byname: look up \"%s\": %m", key);
        return TABLE_FAILED;
    }
    if (gr == NULL)
        return TABLE_NOT_FOUND;
    line = buf_make(arena, 1u << 24);
    buf_putf(line, "%s:%s:%ld:", gr->gr_name, gr->gr_passwd, (long)gr->gr_gid);
    for (char **member = gr->gr_mem; *member != NULL; member++)
        buf_putf(line, "%s%s", member == gr->gr_mem ? "" : ",", *member);
    *value = buf_text(line);
    return TABLE_FOUND;
}

static bool unix_open(struct table *t, struct error *err)
{
    if (!str_is(str_c(t->name), "passwd.byname") && !str_is(str_c(t->name), "group.byname"))
        return error_config(err, "unknown table: %s", t->spec);
    t->state = &no_state;
    return true;
}

static enum table_result unix_find(struct table *t, struct arena *arena, const char *key,
                                   const char **value, struct error *err)
{
    return t->name[0] == 'p' ? find_user(arena, key, value, err)
                             : find_group(arena, key, value, err);
}

static enum table_result fail_find(struct table *t, struct arena *arena, const char *key,
                                   const char **value, struct error *err)
{
    (void)arena;
    (void)key;
    (void)value;
    error_temp(err, "4.3.0", "table %s: query error: Application error", t->spec);
    return TABLE_FAILED;
}

static enum table_result fail_next(struct table *t, bool restart, struct arena *arena,
                                   struct str *key, struct str *value, struct error *err)
{
    (void)restart;
    (void)arena;
    (void)key;
    (void)value;
    error_temp(err, "4.3.0", "table %s: sequence error: Application error", t->spec);
    return TABLE_FAILED;
}

static bool fail_put(struct table *t, struct str key, struct str value, struct error *err)
{
    (void)key;
    (void)value;
    return error_temp(err, "4.3.0", "table %s: update error: Application error", t->spec);
}

static enum table_result fail_remove(struct table *t, struct str key, struct error *err)
{
    (void)key;
    error_temp(err, "4.3.0", "table %s: delete error: Application error", t->spec);
    return TABLE_FAILED;
}

const struct table_type table_type_static = {
    .name = "static",
    .open = static_open,
    .close = close_plain,
    .find = static_find,
};

const struct table_type table_type_environ = {
    .name = "environ",
    .open = open_plain,
    .close = close_plain,
    .find = environ_find,
};

const struct table_type table_type_unix = {
    .name = "unix",
    .traits = TABLE_FOLDS_KEYS,
    .open = unix_open,
    .close = close_plain,
    .find = unix_find,
};

const struct table_type table_type_fail = {
    .name = "fail",
    .open = open_plain,
    .close = close_plain,
    .find = fail_find,
    .put = fail_put,
    .remove = fail_remove,
    .next = fail_next,
};
