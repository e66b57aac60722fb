// table_check: what the table tests share: a scratch folder, files in it, and the log's
// lines.
#pragma once
#include "unit.h"
#include "table/table.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct arena *arena;
static char logged[16384];

static void keep_line(enum log_level level, const char *tag, const char *text)
{
    size_t used = strlen(logged);

    (void)tag;
    for (const char *const *prefix = (const char *const[]){"warning: ", "error: ", NULL};
         *prefix != NULL; prefix++)
        if (strncmp(text, *prefix, strlen(*prefix)) == 0)
            text += strlen(*prefix);
    if (level >= LOG_LEVEL_WARN)
        snprintf(logged + used, sizeof(logged) - used, "%s\n", text);
}

static inline int scratch_setup(void **state)
{
    char dir[] = "/tmp/relais-table-XXXXXX";

    (void)state;
    arena = arena_new();
    log_open("test", 0, 0);
    log_set_hook(keep_line);
    return mkdtemp(dir) == NULL || chdir(dir) < 0 ? -1 : 0;
}

static inline int scratch_teardown(void **state)
{
    char dir[4096];

    (void)state;
    arena_free(arena);
    if (getcwd(dir, sizeof(dir)) != NULL && strncmp(dir, "/tmp/relais-table-", 18) == 0) {
        for (const char *const *name =
                 (const char *const[]){"t", "t.db", "u", "u.db", NULL};
             *name != NULL; name++)
            unlink(*name);
        if (chdir("/") == 0)
            rmdir(dir);
    }
    return 0;
}

static inline void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

// The value, "-" when not found, "!TEXT" for a failure.
static inline const char *ask(struct table *t, const char *key)
{
    const char *value = NULL;
    struct error err = {0};

    switch (table_find(t, arena, key, &value, &err)) {
    case TABLE_FOUND:
        return value;
    case TABLE_NOT_FOUND:
        return "-";
    default:
        return arena_printf(arena, "!%s", err.text);
    }
}

static inline const char *ask_spec(const char *spec, unsigned flags, const char *key)
{
    struct error err = {0};
    struct table *t = table_open(spec, NULL, flags, &err);
    const char *result;

    if (t == NULL)
        return arena_printf(arena, "?%s", err.text);
    result = ask(t, key);
    table_close(t);
    return result;
}
