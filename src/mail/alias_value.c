// alias_value: the right-hand side of aliases(5).
#include "mail/alias_value.h"
#include "util/buf.h"
#include "util/text.h"

struct parser {
    struct arena *arena;
    struct str rest;
    size_t max;
    struct alias_targets *list;
    size_t phrase_start; // targets from here on may turn out to be words before a <
    struct buf *word;
};

static char peek(const struct parser *p)
{
    return p->rest.len > 0 ? p->rest.ptr[0] : '\0';
}

static void skip(struct parser *p)
{
    p->rest = str_from(p->rest, 1);
}

static void take(struct parser *p)
{
    buf_put(p->word, str_n(p->rest.ptr, 1)); // the word is never longer than the value
    skip(p);
}

static bool skip_comment(struct parser *p, struct error *err)
{
    int depth = 0;

    do {
        if (p->rest.len == 0)
            return error_perm(err, "5.3.5", "comment without end");
        if (peek(p) == '(')
            depth++;
        else if (peek(p) == ')')
            depth--;
        else if (peek(p) == '\\')
            skip(p);
        skip(p);
    } while (depth > 0);
    return true;
}

static bool take_quoted(struct parser *p, struct error *err)
{
    skip(p);
    while (peek(p) != '"' || p->rest.len == 0) {
        if (p->rest.len == 0)
            return error_perm(err, "5.3.5", "quoted text without end");
        if (peek(p) == '\\' && p->rest.len > 1)
            skip(p);
        take(p);
    }
    skip(p);
    return true;
}

static void skip_space(struct parser *p)
{
    while (p->rest.len > 0 && ascii_is_space(peek(p)))
        skip(p);
}

// strchr(3) would find a NUL byte in any text.
static bool is_end(char c, const char *ends)
{
    return c != '\0' && strchr(ends, c) != NULL;
}

// One run of text up to white space, a comma or one of `ends`; quotes are taken off.
static bool take_word(struct parser *p, const char *ends, struct error *err)
{
    while (p->rest.len > 0 && !ascii_is_space(peek(p)) && !is_end(peek(p), ends)) {
        if (peek(p) == '"') {
            if (!take_quoted(p, err))
                return false;
        } else if (peek(p) == '\\' && p->rest.len > 1) {
            skip(p);
            take(p);
        } else {
            take(p);
        }
    }
    return true;
}

static enum alias_target_kind classify(struct str *text, bool is_mailbox)
{
    if (is_mailbox)
        return ALIAS_MAILBOX;
    if (str_starts(*text, "|")) {
        *text = str_trim(str_from(*text, 1));
        return ALIAS_COMMAND;
    }
    if (str_starts_nocase(*text, ":include:")) {
        *text = str_trim(str_from(*text, sizeof(":include:") - 1));
        return ALIAS_INCLUDE;
    }
    if (str_starts(*text, "/") || str_starts(*text, "~/"))
        return ALIAS_FILE;
    return ALIAS_ADDRESS;
}

static bool add(struct parser *p, bool is_mailbox, struct error *err)
{
    struct alias_targets *list = p->list;
    struct str text = buf_view(p->word);

    if (text.len == 0)
        return true;
    if (!str_is_text(text))
        return error_perm(err, "5.3.5", "NUL byte in address");
    if (list->len >= p->max)
        return error_perm(err, "5.3.5", "more than %zu destinations", p->max);
    if ((list->len & (list->len - 1)) == 0) { // full at each power of two
        size_t room = list->len == 0 ? 1 : 2 * list->len;
        struct alias_target *items =
            arena_array(p->arena, room, sizeof(struct alias_target));

        if (list->len > 0)
            memcpy(items, list->items, list->len * sizeof(*items));
        list->items = items;
    }
    struct alias_target *target = &list->items[list->len++];
    target->kind = classify(&text, is_mailbox);
    target->text = arena_text(p->arena, text);
    return true;
}

// The words since the last comma were a display name.
static bool take_angle(struct parser *p, struct error *err)
{
    p->list->len = p->phrase_start;
    skip(p);
    buf_clear(p->word);
    while (p->rest.len > 0 && peek(p) != '>') {
        if (peek(p) == '(' && !skip_comment(p, err))
            return false;
        skip_space(p);
        if (peek(p) != '(' && !take_word(p, ">(", err))
            return false;
    }
    if (p->rest.len == 0)
        return error_perm(err, "5.3.5", "\"<\" without \">\"");
    skip(p);
    return add(p, false, err);
}

// White space may stand around the '@' of an address.
static bool at_sign_follows(struct parser *p)
{
    struct str rest = str_trim_left(p->rest);

    if (rest.len == 0 || rest.ptr[0] != '@')
        return false;
    p->rest = rest;
    return true;
}

static bool take_target(struct parser *p, struct error *err)
{
    bool is_mailbox = peek(p) == '\\';

    if (is_mailbox)
        skip(p);
    buf_clear(p->word);
    if (!take_word(p, ",;<(", err))
        return false;
    while (!str_starts(buf_view(p->word), "|") && at_sign_follows(p)) {
        take(p);
        skip_space(p);
        if (!take_word(p, ",;<(", err))
            return false;
    }
    return add(p, is_mailbox, err);
}

bool alias_value_parse(struct arena *arena, struct str value, size_t max,
                       struct alias_targets *list, struct error *err)
{
    struct parser p = {.arena = arena, .rest = value, .max = max, .list = list};
    bool good = true;

    p.word = buf_new(value.len + 1);
    p.phrase_start = list->len;
    while (good && p.rest.len > 0) {
        char c = peek(&p);

        if (c == ',' || c == ';') {
            skip(&p);
            p.phrase_start = list->len;
        } else if (ascii_is_space(c)) {
            skip(&p);
        } else if (c == '(') {
            good = skip_comment(&p, err);
        } else if (c == '<') {
            good = take_angle(&p, err);
        } else {
            good = take_target(&p, err);
        }
    }
    buf_free(p.word);
    return good;
}

bool alias_file_parse(struct arena *arena, struct str text, size_t max,
                      struct alias_targets *list, struct error *err)
{
    struct str line;
    int number = 0;

    while (str_take_line(&text, &line)) {
        number++;
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        if (!alias_value_parse(arena, line, max, list, err))
            return error_prefix(err, "line %d", number);
    }
    return true;
}
