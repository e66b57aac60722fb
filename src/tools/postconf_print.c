// postconf_print: the listings of main.cf and master.cf.
#include "tools/postconf_print.h"
#include "util/log.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { FOLD_WIDTH = 80, OUTPUT_MAX = 1 << 24 };

const char *const entry_field_names[8] = {"service",       "type",   "private",
                                          "unprivileged",  "chroot", "wakeup",
                                          "process_limit", "command"};

// White space shrinks to one blank; with `fold` a line that would pass the width goes on in
// the next one, indented.
static void put_words(struct buf *out, struct str text, bool fold)
{
    struct str rest = text, word, all = buf_view(out);
    size_t newline = str_rindex(all, '\n');
    size_t column = newline == SIZE_MAX ? all.len : all.len - newline - 1;
    bool first = true;

    while (str_take(&rest, " \t\r\n", &word)) {
        if (!first && fold && column + 1 + word.len > FOLD_WIDTH) {
            buf_put_c(out, "\n    ");
            column = 4;
        } else if (!first) {
            buf_put_c(out, " ");
            column++;
        }
        buf_put(out, word);
        column += word.len;
        first = false;
    }
}

static void put_json(struct buf *out, const char *name, const char *value)
{
    json_t *object = json_object();

    json_object_set_new(object, name, json_string(value));
    char *text = json_dumps(object, JSON_ENSURE_ASCII);
    buf_putf(out, "%s\n", text == NULL ? "{}" : text);
    free(text);
    json_decref(object);
}

// `words`: white space inside the value may shrink and fold.
static void put_pair(struct buf *out, unsigned flags, const char *name, const char *value,
                     bool words)
{
    if (flags & PRINT_JSON) {
        put_json(out, name, value);
        return;
    }
    if (!(flags & PRINT_NO_NAME))
        buf_put_c(out, name);
    if (!(flags & PRINT_NO_VALUE)) {
        if (!(flags & PRINT_NO_NAME))
            buf_put_c(out, str_trim(str_c(value)).len == 0 ? " =" : " = ");
        if (words)
            put_words(out, str_c(value), flags & PRINT_FOLD);
        else
            buf_put_c(out, value);
    }
    buf_put_c(out, "\n");
}

static const char *expanded(const struct postconf *pc, const char *text)
{
    const char *result;
    struct error err;

    if (!main_cf_expand(pc->main, pc->arena, text, &result, &err)) {
        log_warn("%s", err.text);
        log_fatal("macro processing error");
    }
    return result;
}

// Service parameters may use $service_name.
static const char *expanded_for(struct postconf *pc, const struct master_entry *e,
                                const char *text)
{
    main_cf_set(pc->main, "service_name", e->name);
    return expanded(pc, text);
}

static void print_param(struct postconf *pc, struct buf *out, unsigned flags,
                        const struct known_param *known)
{
    const char *value = flags & PRINT_DEFAULTS ? NULL : main_cf_get(pc->main, known->name);
    bool raw = known->param != NULL && known->param->kind == PARAM_KIND_RAW;

    if (value == NULL && (flags & PRINT_SET_ONLY))
        return;
    if (value == NULL)
        value = known_default(pc, known);
    if (value == NULL)
        return; // a user parameter has no default
    if ((flags & PRINT_EXPAND) && !raw)
        value = expanded(pc, value);
    put_pair(out, flags, known->name, value, true);
}

static void flush(struct buf *out)
{
    struct str text = buf_view(out);

    if (text.len > 0 && fwrite(text.ptr, text.len, 1, stdout) != 1)
        log_fatal("write standard output: %m");
    buf_clear(out);
}

void print_main(struct postconf *pc, unsigned flags, unsigned classes, char *const *names,
                size_t len)
{
    struct buf *out = buf_make(pc->arena, OUTPUT_MAX);

    for (size_t i = 0; len == 0 && i < pc->known_len; i++)
        if (pc->known[i].known_class & classes)
            print_param(pc, out, flags, &pc->known[i]);
    for (size_t i = 0; i < len; i++) {
        const struct known_param *known = known_find(pc, names[i]);
        if (known == NULL)
            log_warn("%s: unknown parameter", names[i]);
        else
            print_param(pc, out, flags, known);
    }
    flush(out);
}

struct entry_pattern entry_pattern_parse(const char *text)
{
    struct entry_pattern p = {.text = text};
    struct str rest = str_c(text), piece;

    if (str_split(&rest, '/', &piece))
        p.service = piece;
    if (str_split(&rest, '/', &piece))
        p.type = piece;
    if (rest.ptr != NULL)
        p.third = rest;
    return p;
}

static bool part_matches(struct str part, const char *value)
{
    return part.ptr == NULL || str_is(part, "*") || str_is(part, value);
}

bool entry_matches(const struct entry_pattern *p, const struct master_entry *e)
{
    return part_matches(p->service, e->name) && part_matches(p->type, e->type_name);
}

// An argument with blanks needs its braces back.
static const char *as_argument(struct arena *arena, const char *arg)
{
    return arg[0] != '\0' && arg[strcspn(arg, " \t\r\n")] == '\0'
               ? arg
               : arena_printf(arena, "{%s}", arg);
}

const char *entry_command(struct arena *arena, const struct master_entry *e)
{
    struct buf *text = buf_make(arena, OUTPUT_MAX);

    buf_put_c(text, e->command);
    for (size_t i = 0; i < e->args.len; i++)
        buf_putf(text, " %s", as_argument(arena, e->args.items[i]));
    return buf_text(text);
}

size_t entry_options_end(const struct master_entry *e)
{
    size_t i = 0;

    while (i < e->args.len && e->args.items[i][0] == '-')
        i += strcmp(e->args.items[i], "-o") == 0 && i + 1 < e->args.len ? 2 : 1;
    return i;
}

size_t entry_option(const struct master_entry *e, struct str wanted)
{
    struct str name, value;

    for (size_t i = entry_options_end(e); i-- > 1;)
        if (strcmp(e->args.items[i - 1], "-o") == 0 &&
            text_split_pair(str_c(e->args.items[i]), &name, &value) &&
            str_equal(name, wanted))
            return i;
    return SIZE_MAX;
}

// The command and its arguments, from `column` on. Folded: each -o has a line of its own,
// other words flow.
static void put_command(struct buf *out, const struct master_entry *e, size_t column,
                        bool folded)
{
    struct arena *arena = arena_new();
    size_t options_end = entry_options_end(e);
    bool after_option = false;

    buf_put_c(out, e->command);
    column += strlen(e->command);
    for (size_t i = 0; i < e->args.len; i++) {
        const char *arg = as_argument(arena, e->args.items[i]);
        bool option = i + 1 < options_end && strcmp(arg, "-o") == 0;

        if (option)
            arg = arena_printf(arena, "-o %s", as_argument(arena, e->args.items[++i]));
        if (folded && (option || after_option || column + 1 + strlen(arg) >= FOLD_WIDTH)) {
            buf_putf(out, "\n    %s", arg);
            column = 4 + strlen(arg);
        } else {
            buf_putf(out, " %s", arg);
            column += 1 + strlen(arg);
        }
        after_option = option;
    }
    arena_free(arena);
}

void print_entry(struct buf *out, const struct master_entry *e, bool folded)
{
    static const size_t columns[] = {0, 11, 17, 25, 33, 41, 49, 57};
    size_t column = 0;

    for (size_t i = 0; i < 7; i++) {
        buf_put_c(out, e->fields[i]);
        column += strlen(e->fields[i]);
        do { // a long field pushes the next one, but not those behind it
            buf_put_c(out, " ");
            column++;
        } while (column < columns[i + 1]);
    }
    put_command(out, e, column, folded);
    buf_put_c(out, "\n");
}

static struct entry_pattern *parse_patterns(struct postconf *pc, char *const *texts,
                                            size_t *len)
{
    struct entry_pattern *patterns = arena_array(pc->arena, *len + 1, sizeof(*patterns));

    for (size_t i = 0; i < *len; i++)
        patterns[i] = entry_pattern_parse(texts[i]);
    if (*len == 0)
        patterns[(*len)++] = (struct entry_pattern){.text = "*", .matched = true};
    return patterns;
}

static void warn_unmatched(const struct entry_pattern *patterns, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!patterns[i].matched)
            log_warn("unmatched request: \"%s\"", patterns[i].text);
}

typedef void entry_printer(struct postconf *pc, struct buf *out, unsigned flags,
                           struct entry_pattern *p, const struct master_entry *e);

static void print_each(struct postconf *pc, unsigned flags, char *const *texts, size_t len,
                       entry_printer *print)
{
    struct buf *out = buf_make(pc->arena, OUTPUT_MAX);
    struct entry_pattern *patterns = parse_patterns(pc, texts, &len);

    for (size_t p = 0; p < len; p++)
        for (size_t i = 0; i < pc->master.len; i++)
            if (entry_matches(&patterns[p], &pc->master.entries[i]))
                print(pc, out, flags, &patterns[p], &pc->master.entries[i]);
    flush(out);
    warn_unmatched(patterns, len);
}

// Only the values of -o options are expanded: other arguments have macros of their own.
static struct master_entry expanded_entry(struct postconf *pc, const struct master_entry *e)
{
    struct master_entry copy = *e;
    size_t options_end = entry_options_end(e);

    copy.args = (struct text_list){NULL, 0};
    for (size_t i = 0; i < e->args.len; i++) {
        bool value = i > 0 && i < options_end && strcmp(e->args.items[i - 1], "-o") == 0;
        text_list_add(pc->arena, &copy.args,
                      value ? expanded_for(pc, e, e->args.items[i]) : e->args.items[i]);
    }
    return copy;
}

static void print_one_entry(struct postconf *pc, struct buf *out, unsigned flags,
                            struct entry_pattern *p, const struct master_entry *e)
{
    struct master_entry entry = flags & PRINT_EXPAND ? expanded_entry(pc, e) : *e;

    p->matched = true;
    print_entry(out, &entry, flags & PRINT_FOLD);
}

void print_master(struct postconf *pc, unsigned flags, char *const *patterns, size_t len)
{
    print_each(pc, flags, patterns, len, print_one_entry);
}

static void print_entry_fields(struct postconf *pc, struct buf *out, unsigned flags,
                               struct entry_pattern *p, const struct master_entry *e)
{
    struct master_entry entry = flags & PRINT_EXPAND ? expanded_entry(pc, e) : *e;

    for (size_t f = 0; f < COUNT(entry_field_names); f++) {
        const char *name = arena_printf(pc->arena, "%s/%s/%s", e->name, e->type_name,
                                        entry_field_names[f]);
        bool shown = !(flags & (PRINT_NO_VALUE | PRINT_JSON));

        if (!part_matches(p->third, entry_field_names[f]))
            continue;
        p->matched = true;
        if (f == 7 && shown) {
            size_t start = flags & PRINT_NO_NAME ? 0 : strlen(name) + 3;
            if (start > 0)
                buf_putf(out, "%s = ", name);
            put_command(out, &entry, start, flags & PRINT_FOLD);
            buf_put_c(out, "\n");
        } else {
            put_pair(out, flags, name,
                     f == 7 ? entry_command(pc->arena, &entry) : e->fields[f], false);
        }
    }
}

bool is_entry_field(struct str name)
{
    for (size_t f = 0; f < COUNT(entry_field_names); f++)
        if (str_is(name, entry_field_names[f]))
            return true;
    return false;
}

void print_fields(struct postconf *pc, unsigned flags, char *const *patterns, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        struct entry_pattern p = entry_pattern_parse(patterns[i]);
        if (p.third.ptr != NULL && !str_is(p.third, "*") && !is_entry_field(p.third))
            log_fatal("invalid service attribute name: \"%.*s\"", STR_FMT(p.third));
    }
    print_each(pc, flags, patterns, len, print_entry_fields);
}

struct option {
    struct str name, value;
};

static int by_option_name(const void *a, const void *b)
{
    const struct option *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.ptr, y->name.ptr, len);

    return order != 0 ? order : x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

static void print_entry_options(struct postconf *pc, struct buf *out, unsigned flags,
                                struct entry_pattern *p, const struct master_entry *e)
{
    struct option *options = arena_array(pc->arena, e->args.len + 1, sizeof(*options));
    size_t len = 0;

    for (size_t i = 0; i + 1 < entry_options_end(e); i++)
        if (strcmp(e->args.items[i], "-o") == 0 &&
            text_split_pair(str_c(e->args.items[i + 1]), &options[len].name,
                            &options[len].value) &&
            entry_option(e, options[len].name) == i + 1)
            len++;
    qsort(options, len, sizeof(*options), by_option_name);
    for (size_t i = 0; i < len; i++) {
        const char *name = arena_text(pc->arena, options[i].name);
        const char *value = arena_text(pc->arena, options[i].value);
        if (!part_matches(p->third, name))
            continue;
        p->matched = true;
        if (flags & PRINT_EXPAND)
            value = expanded_for(pc, e, value);
        put_pair(out, flags,
                 arena_printf(pc->arena, "%s/%s/%s", e->name, e->type_name, name), value,
                 true);
    }
}

void print_options(struct postconf *pc, unsigned flags, char *const *patterns, size_t len)
{
    print_each(pc, flags, patterns, len, print_entry_options);
}
