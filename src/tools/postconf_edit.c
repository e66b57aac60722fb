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
                                char *const *args, size_t len)
{
    struct edit *edits = arena_array(pc->arena, len + 1, sizeof(*edits));

    for (size_t i = 0; i < len; i++) {
        struct str text = str_trim(str_c(args[i]));

        edits[i].arg = args[i];
        edits[i].name = text;
        if (action != EDIT_SET) {
            if (str_has_char(text, '='))
                log_fatal("-X or -# requires names without value: \"%s\"", args[i]);
            continue;
        }
        if (strchr(args[i], '\n') != NULL)
            log_fatal("-e accepts no multi-line input: \"%s\"", args[i]);
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
    struct edit *edits = parse_edits(pc, action, args, len), *current = NULL;
    struct str rest = read_file(pc, path), line;
    struct buf *out = buf_make(pc->arena, 2 * FILE_MAX);

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

// ---- master.cf: one logical entry at a time
// -------------------------------------------------

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
        buf_putf(out, "#%.*s\n", STR_FMT(line));
}

// One logical entry: its own lines in `own`, all of its lines with comments in `all`.
static void change_entry(struct postconf *pc, struct buf *out, struct buf *own,
                         struct buf *all, struct buf *comments, entry_change *change,
                         void *ctx)
{
    if (buf_len(own) == 0) {
        buf_put(out, buf_view(all));
    } else {
        struct master_entry e = parse_entry(pc, buf_view(own), "master.cf");
        enum entry_result result = change(pc, &e, ctx);

        if (result == ENTRY_KEEP)
            buf_put(out, buf_view(all));
        else
            buf_put(out, buf_view(comments));
        if (result == ENTRY_REWRITE)
            print_entry(out, &e, true);
        else if (result == ENTRY_COMMENT)
            put_commented(out, buf_view(own));
    }
    buf_clear(own);
    buf_clear(all);
    buf_clear(comments);
}

static struct buf *change_entries(struct postconf *pc, const char *path,
                                  entry_change *change, void *ctx)
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
        if (!ascii_is_space(line.ptr[0])) {
            change_entry(pc, out, own, all, comments, change, ctx);
            buf_put(out, buf_view(tail));
        } else {
            buf_put(all, buf_view(tail));
            buf_put(comments, buf_view(tail));
        }
        buf_clear(tail);
        put_line(own, line);
        put_line(all, line);
    }
    change_entry(pc, out, own, all, comments, change, ctx);
    buf_put(out, buf_view(tail));
    return out;
}

struct entry_edits {
    enum edit_action action;
    struct edit *edits;
    struct entry_pattern *patterns;
    struct master_entry *replacements; // edit_entries
    size_t len;
};

static void parse_names(struct postconf *pc, struct entry_edits *ed)
{
    ed->patterns = arena_array(pc->arena, ed->len + 1, sizeof(*ed->patterns));
    for (size_t i = 0; i < ed->len; i++) {
        ed->patterns[i] = entry_pattern_parse(arena_text(pc->arena, ed->edits[i].name));
        if (ed->patterns[i].type.ptr == NULL)
            log_fatal("need service_name/type: \"%s\"", ed->edits[i].arg);
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
    struct entry_edits ed = {
        .action = action, .edits = parse_edits(pc, action, args, len), .len = len};

    parse_names(pc, &ed);
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

    struct buf *out = change_entries(pc, path, change_whole, &ed);
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
            const char *value = arena_text(pc->arena, ed->edits[i].value);
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
            log_warn("unmatched request: \"%.*s\"", STR_FMT(ed->edits[i].name));
}

void edit_fields(struct postconf *pc, char *const *args, size_t len)
{
    const char *path = arena_printf(pc->arena, "%s/master.cf", pc->dir);
    struct entry_edits ed = {
        .action = EDIT_SET, .edits = parse_edits(pc, EDIT_SET, args, len), .len = len};

    parse_names(pc, &ed);
    for (size_t i = 0; i < len; i++) {
        bool known = false;
        for (size_t f = 0; f < COUNT(entry_field_names); f++)
            known = known || str_is(ed.patterns[i].third, entry_field_names[f]);
        if (ed.patterns[i].third.ptr == NULL)
            log_fatal("-Fe requires service_name/type/field_name: \"%s\"", args[i]);
        if (!known)
            log_fatal("invalid service attribute name: \"%.*s\"",
                      STR_FMT(ed.patterns[i].third));
    }
    replace_file(path, change_entries(pc, path, change_field, &ed));
    warn_unmatched_edits(&ed);
}

// Takes the -o options called `name` out of the arguments; true if there were any.
static bool remove_option(struct postconf *pc, struct master_entry *e, struct str wanted)
{
    struct text_list kept = {NULL, 0};

    for (size_t i = 0; i < e->args.len; i++) {
        struct str name, value;
        if (strcmp(e->args.items[i], "-o") == 0 && i + 1 < e->args.len &&
            text_split_pair(str_c(e->args.items[i + 1]), &name, &value) &&
            (str_is(wanted, "*") || str_equal(name, wanted)))
            i++;
        else
            text_list_add(pc->arena, &kept, e->args.items[i]);
    }
    bool changed = kept.len != e->args.len;
    e->args = kept;
    return changed;
}

// A new option goes in front of the arguments that are none.
static void add_option(struct postconf *pc, struct master_entry *e, const char *option)
{
    struct text_list args = {NULL, 0};
    size_t i = 0;

    for (; i < e->args.len && e->args.items[i][0] == '-'; i++) {
        text_list_add(pc->arena, &args, e->args.items[i]);
        if (strcmp(e->args.items[i], "-o") == 0 && i + 1 < e->args.len)
            text_list_add(pc->arena, &args, e->args.items[++i]);
    }
    text_list_add(pc->arena, &args, "-o");
    text_list_add(pc->arena, &args, option);
    for (; i < e->args.len; i++)
        text_list_add(pc->arena, &args, e->args.items[i]);
    e->args = args;
}

static enum entry_result change_option(struct postconf *pc, struct master_entry *e,
                                       void *ctx)
{
    struct entry_edits *ed = ctx;
    enum entry_result result = ENTRY_KEEP;

    for (size_t i = 0; i < ed->len; i++) {
        if (!entry_matches(&ed->patterns[i], e))
            continue;
        ed->edits[i].count++;
        if (remove_option(pc, e, ed->patterns[i].third))
            result = ENTRY_REWRITE;
        if (ed->action == EDIT_SET) {
            add_option(pc, e,
                       arena_printf(pc->arena, "%.*s=%.*s", STR_FMT(ed->patterns[i].third),
                                    STR_FMT(ed->edits[i].value)));
            result = ENTRY_REWRITE;
        }
    }
    return result;
}

void edit_options(struct postconf *pc, enum edit_action action, char *const *args,
                  size_t len)
{
    const char *path = arena_printf(pc->arena, "%s/master.cf", pc->dir);
    struct entry_edits ed = {
        .action = action, .edits = parse_edits(pc, action, args, len), .len = len};

    if (action == EDIT_COMMENT)
        log_fatal("-P does not support -#");
    parse_names(pc, &ed);
    for (size_t i = 0; i < len; i++)
        if (ed.patterns[i].third.ptr == NULL)
            log_fatal("-P requires service_name/type/parameter_name: \"%s\"", args[i]);
    replace_file(path, change_entries(pc, path, change_option, &ed));
    warn_unmatched_edits(&ed);
}
