// master_cf: the entries of master.cf, as the master starts them and postconf edits them.
#include "config/master_cf.h"
#include "util/file.h"
#include "util/log.h"

enum { MASTER_CF_MAX = 4 << 20 };

static const struct {
    const char *name;
    enum master_type type;
} types[] = {
    {"inet",       MASTER_INET      },
    {"unix",       MASTER_UNIX      },
    {"unix-dgram", MASTER_UNIX_DGRAM},
    {"fifo",       MASTER_FIFO      },
    {"pass",       MASTER_PASS      },
};

struct place {
    const char *origin;
    int line;
};

static bool bad(struct error *err, const struct place *at, const char *what,
                const char *value)
{
    return error_config(err, "%s: line %d: %s%s%s%s", at->origin, at->line, what,
                        value == NULL ? "" : " \"", value == NULL ? "" : value,
                        value == NULL ? "" : "\"");
}

static bool parse_type(struct master_entry *e, const struct place *at, struct error *err)
{
    for (size_t i = 0; i < COUNT(types); i++)
        if (strcmp(types[i].name, e->fields[1]) == 0) {
            e->type = types[i].type;
            e->type_name = types[i].name;
            return true;
        }
    return bad(err, at, "bad transport type:", e->fields[1]);
}

static bool parse_flag(const char *text, const char *column, bool fallback, bool *value,
                       const struct place *at, struct error *err)
{
    if (strcmp(text, "-") == 0)
        *value = fallback;
    else if (strcmp(text, "y") == 0)
        *value = true;
    else if (strcmp(text, "n") == 0)
        *value = false;
    else
        return bad(err, at, "field must be 'y', 'n' or '-':", column);
    return true;
}

static bool parse_number(const char *text, const char *column, long fallback, long *value,
                         const struct place *at, struct error *err)
{
    if (strcmp(text, "-") == 0)
        *value = fallback;
    else if (!str_to_long(str_c(text), value) || *value < 0 || *value > INT32_MAX)
        return bad(err, at, column, text);
    return true;
}

static bool parse_wakeup(struct arena *arena, struct master_entry *e,
                         const struct place *at, struct error *err)
{
    struct str text = str_c(e->fields[5]);

    if (text.len > 1 && text.ptr[text.len - 1] == '?') {
        e->wakeup_lazy = true;
        text.len--;
    }
    return parse_number(arena_text(arena, text), "bad wakeup time:", 0, &e->wakeup, at,
                        err);
}

// One word: blanks end it, `{ ... }` keeps them.
static bool take_word(struct str *rest, struct str *word)
{
    size_t end = 0;
    int depth = 0;

    *rest = str_trim_left(*rest);
    if (rest->len == 0)
        return false;
    for (; end < rest->len && (depth > 0 || !ascii_is_space(rest->ptr[end])); end++) {
        if (rest->ptr[0] != '{')
            continue;
        depth += rest->ptr[end] == '{';
        depth -= rest->ptr[end] == '}';
    }
    *word = depth > 0 ? str_n(NULL, 0) : str_n(rest->ptr, end);
    *rest = str_from(*rest, end);
    return true;
}

// "{ name = value }" as an argument of -o is one argument "name=value".
static bool add_argument(struct arena *arena, struct master_entry *e, struct str word,
                         const struct place *at, struct error *err)
{
    struct str inner, name, value;
    bool after_o = e->args.len > 0 && strcmp(e->args.items[e->args.len - 1], "-o") == 0;

    if (word.ptr == NULL)
        return bad(err, at, "missing '}' in command arguments", NULL);
    if (word.ptr[0] != '{') {
        if (after_o && !text_split_pair(word, &name, &value))
            return bad(err, at, "-o needs name=value:", arena_text(arena, word));
        text_list_add(arena, &e->args, arena_text(arena, word));
        return true;
    }
    if (!text_unbrace(word, &inner))
        return bad(err, at, "bad {...} argument:", arena_text(arena, word));
    if (after_o) {
        if (!text_split_pair(inner, &name, &value))
            return bad(err, at, "-o needs name=value:", arena_text(arena, inner));
        text_list_add(arena, &e->args,
                      arena_printf(arena, "%.*s=%.*s", STR_FMT(name), STR_FMT(value)));
        return true;
    }
    text_list_add(arena, &e->args, arena_text(arena, inner));
    return true;
}

static bool parse_entry(struct arena *arena, struct str line, bool chroot_default,
                        struct master_entry *e, const struct place *at, struct error *err)
{
    static const char *const missing[] = {
        "missing service name",       "missing transport type", "missing private field",
        "missing unprivileged field", "missing chroot field",   "missing wakeup time",
        "missing process limit",      "missing command",
    };
    struct str word;

    *e = (struct master_entry){.line = at->line};
    if (!str_is_text(line))
        return bad(err, at, "NUL byte in the line", NULL);
    for (size_t i = 0; i < COUNT(e->fields); i++) {
        if (!take_word(&line, &word) || word.ptr == NULL)
            return bad(err, at, missing[i], NULL);
        e->fields[i] = arena_text(arena, word);
    }
    e->name = e->fields[0];
    e->command = e->fields[7];
    if (!parse_type(e, at, err) ||
        !parse_flag(e->fields[2], "private", true, &e->is_private, at, err) ||
        !parse_flag(e->fields[3], "unprivileged", true, &e->is_unprivileged, at, err) ||
        !parse_flag(e->fields[4], "chroot", chroot_default, &e->is_chrooted, at, err) ||
        !parse_wakeup(arena, e, at, err) ||
        !parse_number(e->fields[6], "bad process limit:", -1, &e->process_limit, at, err))
        return false;
    if (e->type == MASTER_INET && strcmp(e->fields[2], "-") == 0)
        e->is_private = false;
    if (e->type == MASTER_INET && e->is_private)
        return bad(err, at, "inet service must not be private:", e->name);
    if (e->type != MASTER_INET && (strchr(e->name, '/') != NULL || e->name[0] == '.'))
        return bad(err, at, "bad service name:", e->name);
    if (strchr(e->command, '/') != NULL)
        return bad(err, at,
                   "command must be a file name below daemon_directory:", e->command);
    while (take_word(&line, &word))
        if (!add_argument(arena, e, word, at, err))
            return false;
    return true;
}

static void add_entry(struct arena *arena, struct master_cf *cf,
                      const struct master_entry *e, const struct place *at, bool keep_all)
{
    for (size_t i = 0; !keep_all && i < cf->len; i++)
        if (cf->entries[i].type == e->type && strcmp(cf->entries[i].name, e->name) == 0) {
            log_warn(
                "%s: line %d: duplicate master.cf entry for service \"%s\" (%s) -- using "
                "the last entry",
                at->origin, at->line, e->name, e->type_name);
            cf->entries[i] = *e;
            return;
        }
    if ((cf->len & (cf->len - 1)) == 0) {
        size_t room = cf->len == 0 ? 1 : 2 * cf->len;
        struct master_entry *entries = arena_array(arena, room, sizeof(*entries));
        if (cf->len > 0)
            memcpy(entries, cf->entries, cf->len * sizeof(*entries));
        cf->entries = entries;
    }
    cf->entries[cf->len++] = *e;
}

static bool parse_text(struct arena *arena, const char *origin, struct str text,
                       bool chroot_default, bool keep_all, struct master_cf *cf,
                       struct error *err)
{
    struct logical_lines lines = {.rest = text};
    struct master_cf result = {NULL, 0};
    struct place at = {origin, 0};
    struct str line;

    while (logical_line_next(arena, &lines, &line, &at.line)) {
        struct master_entry entry;

        if (ascii_is_space(line.ptr[0]))
            return bad(err, &at, "logical line must not start with whitespace", NULL);
        if (!parse_entry(arena, line, chroot_default, &entry, &at, err))
            return false;
        add_entry(arena, &result, &entry, &at, keep_all);
    }
    *cf = result;
    return true;
}

bool master_cf_parse(struct arena *arena, const char *origin, struct str text,
                     bool chroot_default, struct master_cf *cf, struct error *err)
{
    return parse_text(arena, origin, text, chroot_default, false, cf, err);
}

bool master_cf_read_all(struct arena *arena, const char *path, struct master_cf *cf,
                        struct error *err)
{
    struct str text;

    return file_read_all(arena, path, MASTER_CF_MAX, &text, err) &&
           parse_text(arena, path, text, false, true, cf, err);
}

bool master_cf_read(struct arena *arena, const char *path, bool chroot_default,
                    struct master_cf *cf, struct error *err)
{
    struct str text;

    return file_read_all(arena, path, MASTER_CF_MAX, &text, err) &&
           master_cf_parse(arena, path, text, chroot_default, cf, err);
}
