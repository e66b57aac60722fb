// checks: smtp_header_checks and friends: what a table says about one header field or line.
#include "smtp/checks.h"
#include "util/log.h"

enum { LOGGED_MAX = 200 };

enum action {
    CHECK_NONE,
    CHECK_IGNORE,
    CHECK_INFO,
    CHECK_PREPEND,
    CHECK_REPLACE,
    CHECK_WARN
};

// `log` is the word in the log; NULL: not logged.
static const struct {
    const char *name;
    enum action action;
    const char *log;
} actions[] = {
    {"DUNNO",   CHECK_NONE,    NULL     },
    {"OK",      CHECK_NONE,    NULL     },
    {"IGNORE",  CHECK_IGNORE,  NULL     },
    {"STRIP",   CHECK_IGNORE,  "strip"  },
    {"INFO",    CHECK_INFO,    "info"   },
    {"WARN",    CHECK_WARN,    "warning"},
    {"PREPEND", CHECK_PREPEND, "prepend"},
    {"REPLACE", CHECK_REPLACE, "replace"},
};

static void log_check(const char *queue_id, const char *word, const char *what,
                      struct str text, struct str detail)
{
    struct str shown = str_sub(text, 0, LOGGED_MAX);

    log_info("%s: %s: %s %.*s%s%.*s", queue_id, word, what, STR_FMT(shown),
             detail.len > 0 ? ": " : "", STR_FMT(detail));
}

bool checks_apply(struct maps *maps, struct arena *arena, const char *queue_id,
                  const char *what, struct str *text, struct str *before, bool *keep,
                  struct error *err)
{
    const char *value;
    struct str rest, verb;

    if (!str_is_text(*text))
        return true;
    switch (maps_find(maps, arena, arena_text(arena, *text), 0, &value, err)) {
    case TABLE_NOT_FOUND:
        err->kind = ERROR_NONE;
        return true;
    case TABLE_FAILED:
        log_warn("%s: smtp %s checks lookup error", queue_id, what);
        return error_temp(err, "4.3.0", "%s checks lookup error", what);
    case TABLE_FOUND:
        break;
    }
    rest = str_c(value);
    if (!str_take(&rest, " \t", &verb))
        return true;
    rest = str_trim(rest);
    for (size_t i = 0; i < COUNT(actions); i++) {
        if (!str_is_nocase(verb, actions[i].name))
            continue;
        if (actions[i].log != NULL)
            log_check(queue_id, actions[i].log, what, *text, rest);
        if (actions[i].action == CHECK_IGNORE)
            *keep = false;
        else if (actions[i].action == CHECK_PREPEND && rest.len > 0)
            *before = rest;
        else if (actions[i].action == CHECK_REPLACE && rest.len > 0)
            *text = rest;
        return true;
    }
    log_warn("unknown command in %s map: %s", maps_title(maps), value);
    return true;
}
