// postconf_edit: changing main.cf and master.cf in place.
#include "tools/postconf_edit.h"
#include "tools/postconf_print.h"
#include "util/file.h"
#include "util/log.h"
#include <fcntl.h>
#include <unistd.h>

enum { FILE_MAX = 16 << 20 };

struct edit {
    const char *arg;
    struct str name;  // of a parameter, or service/type[/third]
    struct str value; // EDIT_SET
    int count;        // entries it was applied to
};

static struct edit *parse_edits(struct postconf *pc, enum edit_action action,
                                char *const *args, size_t len, const char *multi_line)
{
    struct edit *edits = arena_array(pc->arena, len + 1, sizeof(*edits));

    for (size_t i = 0; i < len; i++) {
        struct str text = str_trim(str_c(args[i]));

        if (strchr(args[i], '\n') != NULL)
            log_fatal("%s", multi_line);
        edits[i].arg = args[i];
        edits[i].name = text;
        if (action != EDIT_SET) {
            continue;
        }
        if (!str_has_char(text, '='))
            log_fatal("missing '=' after attribute name: \"%s\"", args[i]);
        if (!text_split_pair(text, &edits[i].name, &edits[i].value))
            log_fatal("missing attribute name: \"%s\"", args[i]);
        for (size_t c = 0; c < edits[i].name.len; c++)
            if (ascii_is_space(edits[i].name.ptr[c]))
                log_fatal("missing '=' after attribute name: \"%s\"", args[i]);
    }
    return edits;
}

// The file, locked against other editors until the program ends.
static struct str read_file(struct postconf *pc, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC); // stays open for its lock
    struct str text;
    struct error err;

    if (fd < 0)
        log_fatal("open %s for reading: %m", path);
    if (!fd_lock(fd, FILE_LOCK_EXCLUSIVE, true))
        log_fatal("lock %s: %m", path);
    if (!file_read_all(pc->arena, path, FILE_MAX, &text, &err))
        log_fatal("%s", err.text);
    return text;
}

static void replace_file(const char *path, const struct buf *out)
{
    struct error err;

    if (!file_replace(path, buf_view(out), 0644, &err))
        log_fatal("%s", err.text);
}

static bool is_comment_or_blank(struct str line)
{
    struct str text = str_trim_left(line);

    return text.len == 0 || text.ptr[0] == '#';
}

static void put_line(struct buf *out, struct str line)
{
    buf_put(out, line);
    buf_put_c(out, "\n");
}

static void warn_multiple(const char *path, const struct edit *edits, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (edits[i].count > 1)
            log_warn("%s: multiple entries for \"%.*s\"", path, STR_FMT(edits[i].name));
}

static struct edit *find_edit(struct edit *edits, size_t len, struct str name)
{
    for (size_t i = len; i-- > 0;) // the last request for a name counts
        if (str_equal(edits[i].name, name))
            return &edits[i];
    return NULL;
}

void edit_main(struct postconf *pc, enum edit_action action, char *const *args, size_t len)
{
    const char *path = arena_printf(pc->arena, "%s/main.cf", pc->dir);
    struct edit *edits = parse_edits(pc, action, args, len,
                                     "-e, -X, or -# accepts no multi-line input"),
                *current = NULL;
    struct str rest = read_file(pc, path), line;
    struct buf *out = buf_make(pc->arena, 2 * FILE_MAX);

    for (size_t i = 0; action == EDIT_SET && i < len; i++)
        if (find_edit(edits, len, edits[i].name) != &edits[i])
            log_warn("ignoring earlier request: '%.*s = %.*s'", STR_FMT(edits[i].name),
                     STR_FMT(edits[i].value));
    while (str_take_line(&rest, &line)) {
        if (is_comment_or_blank(line)) {
            put_line(out, line);
            continue;
        }
        if (!ascii_is_space(line.ptr[0])) {
            size_t at = str_index(line, '=');
            current = find_edit(edits, len,
                                str_trim(at == SIZE_MAX ? line : str_n(line.ptr, at)));
            if (current != NULL)
                current->count++;
            if (current != NULL && action == EDIT_SET)
                buf_putf(out, "%.*s = %.*s\n", STR_FMT(current->name),
                         STR_FMT(current->value));
        }
        if (current == NULL)
            put_line(out, line);
        else if (action == EDIT_COMMENT)
            buf_putf(out, "#%.*s\n", STR_FMT(line));
    }
    for (size_t i = 0; action == EDIT_SET && i < len; i++)
        if (edits[i].count == 0 && find_edit(edits, len, edits[i].name) == &edits[i])
            buf_putf(out, "%.*s = %.*s\n", STR_FMT(edits[i].name), STR_FMT(edits[i].value));
    warn_multiple(path, edits, len);
    replace_file(path, out);
}

static const char master_multi_line[] =
    "-Me, -Fe, -Pe, -X, or -# accept no multi-line input";

// ---- master.cf: one logical entry at a time
// -------------------------------------------------

struct entry_edits {
    enum edit_action action;
    struct edit *edits;
    struct entry_pattern *patterns;
    struct master_entry *replacements; // edit_entries
    size_t len;
};

// Entries that no edit is about are not even parsed: they may be broken.
static bool is_wanted(struct postconf *pc, struct str text, const struct entry_edits *ed)
{
    struct master_entry e = {.name = ""};
    struct str name, type;

    if (!str_take(&text, " \t\r\n", &name) || !str_take(&text, " \t\r\n", &type))
        return false;
    e.name = arena_text(pc->arena, name);
    e.type_name = arena_text(pc->arena, type);
    for (size_t i = 0; i < ed->len; i++)
        if (entry_matches(&ed->patterns[i], &e))
            return true;
    return false;
}

// What to do with an entry; may change it. The result tells whether it is to be written
// anew.
enum entry_result { ENTRY_KEEP, ENTRY_REWRITE, ENTRY_REMOVE, ENTRY_COMMENT };
typedef enum entry_result entry_change(struct postconf *pc, struct master_entry *e,
                                       void *ctx);

static struct master_entry parse_entry(struct postconf *pc, struct str text,
                                       const char *origin)
{
    struct master_cf cf;
    struct error err;

    if (!master_cf_parse(pc->arena, origin, text, false, &cf, &err))
        log_fatal("%s", err.text);
    ensure(cf.len == 1);
    return cf.entries[0];
}

static void put_commented(struct buf *out, struct str text)
{
    struct str line;

    while (str_take_line(&text, &line))
        buf_putf(out, "%s%.*s\n", is_comment_or_blank(line) ? "" : "#", STR_FMT(line));
}

// One logical entry: its own lines in `own`, all of its lines with comments in `all`.
static void change_entry(struct postconf *pc, struct buf *out, struct buf *own,
                         struct buf *all, struct buf *comments, entry_change *change,
                         void *ctx)
{
    if (buf_len(own) == 0 || !is_wanted(pc, buf_view(own), ctx)) {
        buf_put(out, buf_view(all));
    } else {
        struct master_entry e = parse_entry(pc, buf_view(own), "master.cf");
        enum entry_result result = change(pc, &e, ctx);

        if (result == ENTRY_KEEP) {
            buf_put(out, buf_view(all));
        } else if (result == ENTRY_COMMENT) {
            put_commented(out, buf_view(all));
        } else {
            buf_put(out, buf_view(comments));
            if (result == ENTRY_REWRITE)
                print_entry(out, &e, true);
        }
    }
    buf_clear(own);
    buf_clear(all);
    buf_clear(comments);
}

// Comments behind an entry may have been meant as part of it: with `comments_first` they
// come before the entry when that is written anew.
static struct buf *change_entries(struct postconf *pc, const char *path,
                                  entry_change *change, void *ctx, bool comments_first)
{
    struct str rest = read_file(pc, path), line;
    struct buf *out = buf_make(pc->arena, 2 * FILE_MAX),
               *own = buf_make(pc->arena, FILE_MAX);
    struct buf *all = buf_make(pc->arena, FILE_MAX),
               *comments = buf_make(pc->arena, FILE_MAX);
    struct buf *tail = buf_make(pc->arena, FILE_MAX); // comments that may follow the entry

    while (str_take_line(&rest, &line)) {
        if (is_comment_or_blank(line)) {
            put_line(tail, line);
            continue;
        }
        bool starts_entry = !ascii_is_space(line.ptr[0]);
        if (!starts_entry || comments_first) {
            buf_put(all, buf_view(tail));
            buf_put(comments, buf_view(tail));
            buf_clear(tail);
        }
        if (starts_entry)
            change_entry(pc, out, own, all, comments, change, ctx);
        buf_put(out, buf_view(tail));
        buf_clear(tail);
        put_line(own, line);
        put_line(all, line);
    }
    if (comments_first) {
        buf_put(all, buf_view(tail));
        buf_put(comments, buf_view(tail));
        buf_clear(tail);
    }
    change_entry(pc, out, own, all, comments, change, ctx);
    buf_put(out, buf_view(tail));
    return out;
}

// `parts` is how many parts a name has; `refusal` what to say when it has not.
static void parse_names(struct postconf *pc, struct entry_edits *ed, int parts,
                        const char *refusal)
{
    ed->patterns = arena_array(pc->arena, ed->len + 1, sizeof(*ed->patterns));
    for (size_t i = 0; i < ed->len; i++) {
        ed->patterns[i] = entry_pattern_parse(arena_text(pc->arena, ed->edits[i].name));
        const struct entry_pattern *p = &ed->patterns[i];
        bool too_long = p->third.ptr != NULL && (parts == 2 || str_has_char(p->third, '/'));
        if (p->type.ptr == NULL || (parts == 3 && p->third.ptr == NULL) || too_long)
            log_fatal("%s", refusal);
    }
}

static enum entry_result change_whole(struct postconf *pc, struct master_entry *e,
                                      void *ctx)
{
    struct entry_edits *ed = ctx;
    enum entry_result result = ENTRY_KEEP;

    (void)pc;
    for (size_t i = 0; i < ed->len; i++) {
        if (!entry_matches(&ed->patterns[i], e))
            continue;
        ed->edits[i].count++;
        if (ed->action == EDIT_SET)
            *e = ed->replacements[i];
        result = ed->action == EDIT_SET      ? ENTRY_REWRITE
                 : ed->action == EDIT_REMOVE ? ENTRY_REMOVE
                                             : ENTRY_COMMENT;
    }
    return result;
}

void edit_entries(struct postconf *pc, enum edit_action action, char *const *args,
                  size_t len)
{
    const char *path = arena_printf(pc->arena, "%s/master.cf", pc->dir);
    struct entry_edits ed = {.action = action,
                             .edits = parse_edits(pc, action, args, len, master_multi_line),
                             .len = len};

    parse_names(pc, &ed, 2, "-Me, -MX or -M# requires service_name/type");
    ed.replacements = arena_array(pc->arena, len + 1, sizeof(*ed.replacements));
    for (size_t i = 0; action == EDIT_SET && i < len; i++) {
        struct str rest = ed.edits[i].value, word;
        int fields = 0;

        while (str_take(&rest, " \t", &word))
            fields++;
        if (fields < 8)
            log_fatal("bad field count: \"%s\"", ed.edits[i].arg);
        ed.replacements[i] = parse_entry(pc, ed.edits[i].value, ed.edits[i].arg);
    }

    struct buf *out = change_entries(pc, path, change_whole, &ed, false);
    for (size_t i = 0; action == EDIT_SET && i < len; i++)
        if (ed.edits[i].count == 0)
            print_entry(out, &ed.replacements[i], true);
    replace_file(path, out);
}

static void set_command(struct postconf *pc, struct master_entry *e, struct str value)
{
    const char *line =
        arena_printf(pc->arena, "%s %s - - - - - %.*s", e->name, "unix", STR_FMT(value));
    struct master_entry parsed = parse_entry(pc, str_c(line), line);

    e->command = parsed.command;
    e->fields[7] = parsed.fields[7];
    e->args = parsed.args;
}

// The changed column has to make a good entry again.
static void check_field(struct postconf *pc, const struct master_entry *e,
                        const struct edit *edit)
{
    struct buf *text = buf_make(pc->arena, FILE_MAX);

    print_entry(text, e, false);
    parse_entry(pc, buf_view(text), edit->arg);
}

static bool is_number(struct str value)
{
    uint64_t n;

    return str_to_u64(value, &n) && n <= INT32_MAX;
}

static bool is_good_field(struct str field, struct str value)
{
    static const char *const types[] = {"inet", "unix", "unix-dgram", "fifo", "pass"};

    if (str_is(field, "type")) {
        for (size_t i = 0; i < COUNT(types); i++)
            if (str_is(value, types[i]))
                return true;
        return false;
    }
    if (str_is(field, "private") || str_is(field, "unprivileged") ||
        str_is(field, "chroot"))
        return str_is(value, "y") || str_is(value, "n") || str_is(value, "-");
    if (str_is(field, "wakeup") && value.len > 1 && value.ptr[value.len - 1] == '?')
        value.len--;
    if (str_is(field, "wakeup") || str_is(field, "process_limit"))
        return str_is(value, "-") || is_number(value);
    return value.len > 0;
}

static void check_field_edit(const struct entry_pattern *p, struct str value)
{
    if (!is_entry_field(p->third))
        log_fatal("invalid service attribute name: \"%.*s\"", STR_FMT(p->third));
    for (size_t i = 0; !str_is(p->third, "command") && i < value.len; i++)
        if (ascii_is_space(value.ptr[i]))
            log_fatal("-Fe does not accept whitespace in non-command field");
}

static enum entry_result change_field(struct postconf *pc, struct master_entry *e,
                                      void *ctx)
{
    struct entry_edits *ed = ctx;
    enum entry_result result = ENTRY_KEEP;

    for (size_t i = 0; i < ed->len; i++) {
        if (!entry_matches(&ed->patterns[i], e))
            continue;
        for (size_t f = 0; f < COUNT(entry_field_names); f++) {
            if (!str_is(ed->patterns[i].third, entry_field_names[f]))
                continue;
            struct str text = ed->edits[i].value;
            const char *value = arena_text(pc->arena, text);
            if (!is_good_field(ed->patterns[i].third, text))
                log_fatal("invalid %s field \"%s\" in \"%s\"", entry_field_names[f], value,
                          value);
            if (f == 7)
                set_command(pc, e, ed->edits[i].value);
            else
                e->fields[f] = value;
            e->name = e->fields[0];
            e->type_name = e->fields[1];
            check_field(pc, e, &ed->edits[i]);
            ed->edits[i].count++;
            result = ENTRY_REWRITE;
        }
    }
    return result;
}

static void warn_unmatched_edits(const struct entry_edits *ed)
{
    for (size_t i = 0; i < ed->len; i++)
        if (ed->edits[i].count == 0)
            log_warn("unmatched service_name/type: \"%s\"", ed->edits[i].arg);
}

void edit_fields(struct postconf *pc, char *const *args, size_t len)
{
    const char *path = arena_printf(pc->arena, "%s/master.cf", pc->dir);
    struct entry_edits ed = {.action = EDIT_SET,
                             .edits =
                                 parse_edits(pc, EDIT_SET, args, len, master_multi_line),
                             .len = len};

    parse_names(pc, &ed, 3, "-Fe or -FX requires service_name/type/field_name");
    for (size_t i = 0; i < len; i++)
        check_field_edit(&ed.patterns[i], ed.edits[i].value);
    replace_file(path, change_entries(pc, path, change_field, &ed, true));
    warn_unmatched_edits(&ed);
}

static bool is_option_named(const struct master_entry *e, size_t i, struct str wanted)
{
    struct str name, value;

    return i + 1 < entry_options_end(e) && strcmp(e->args.items[i], "-o") == 0 &&
           text_split_pair(str_c(e->args.items[i + 1]), &name, &value) &&
           (str_is(wanted, "*") || str_equal(name, wanted));
}

// Puts `option` where one of that name stands, else behind the last option; NULL takes
// those of that name out.
static void set_option(struct postconf *pc, struct master_entry *e, struct str wanted,
                       const char *option)
{
    struct text_list args = {NULL, 0};
    size_t options_end = entry_options_end(e);

    for (size_t i = 0; i <= e->args.len; i++) {
        bool named = is_option_named(e, i, wanted);
        if (option != NULL && (named || i == options_end)) {
            text_list_add(pc->arena, &args, "-o");
            text_list_add(pc->arena, &args, option);
            option = NULL;
        }
        if (named)
            i++;
        else if (i < e->args.len)
            text_list_add(pc->arena, &args, e->args.items[i]);
    }
    e->args = args;
}

static enum entry_result change_option(struct postconf *pc, struct master_entry *e,
                                       void *ctx)
{
    struct entry_edits *ed = ctx;
    enum entry_result result = ENTRY_KEEP;

    for (size_t i = 0; i < ed->len; i++) {
        const char *option = NULL;

        if (!entry_matches(&ed->patterns[i], e))
            continue;
        ed->edits[i].count++;
        if (ed->action == EDIT_SET)
            option = arena_printf(pc->arena, "%.*s=%.*s", STR_FMT(ed->patterns[i].third),
                                  STR_FMT(ed->edits[i].value));
        set_option(pc, e, ed->patterns[i].third, option);
        result = ENTRY_REWRITE;
    }
    return result;
}

void edit_options(struct postconf *pc, enum edit_action action, char *const *args,
                  size_t len)
{
    const char *path = arena_printf(pc->arena, "%s/master.cf", pc->dir);
    struct entry_edits ed = {.action = action,
                             .edits = parse_edits(pc, action, args, len, master_multi_line),
                             .len = len};

    parse_names(pc, &ed, 3, "-Pe or -PX requires service_name/type/parameter");
    for (size_t i = 0; action == EDIT_SET && i < len; i++)
        for (size_t c = 0; c < ed.edits[i].value.len; c++)
            if (ascii_is_space(ed.edits[i].value.ptr[c]))
                log_fatal("-Pe does not accept whitespace in parameter value");
    replace_file(path, change_entries(pc, path, change_option, &ed, true));
    warn_unmatched_edits(&ed);
}
