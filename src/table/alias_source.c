// alias_source: entries "name: value, value" of an aliases(5) file.
#include "table/alias_source.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/text.h"

#define VALUE_MAX ((size_t)1 << 30)

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_QUOTED, TOKEN_COMMENT, TOKEN_SPECIAL };

struct token {
    enum token_kind kind;
    struct str
        text; // quoted: without the quotes, backslashes kept; comment: with parentheses
    bool after_space;
};

static bool is_special(char c)
{
    return c != '\0' && strchr("<>@,;:", c) != NULL;
}

static size_t quoted_len(struct str s)
{
    size_t i = 1;

    while (i < s.len && s.ptr[i] != '"')
        i += s.ptr[i] == '\\' && i + 1 < s.len ? 2 : 1;
    return i;
}

static size_t comment_len(struct str s)
{
    size_t i = 0;
    int depth = 0;

    do {
        depth += s.ptr[i] == '(';
        depth -= s.ptr[i] == ')';
        i += s.ptr[i] == '\\' && i + 1 < s.len ? 2 : 1;
    } while (i < s.len && depth > 0);
    return i;
}

static struct token take_token(struct str *rest)
{
    struct token t = {.kind = TOKEN_END};
    struct str s = str_trim_left(*rest);
    size_t len;

    t.after_space = s.len < rest->len;
    *rest = s;
    if (s.len == 0)
        return t;
    if (s.ptr[0] == '"') {
        t.kind = TOKEN_QUOTED;
        len = quoted_len(s);
        t.text = str_sub(s, 1, len - 1);
        len += len < s.len; // the closing quote, unless it is missing
    } else if (s.ptr[0] == '(') {
        t.kind = TOKEN_COMMENT;
        len = comment_len(s);
        t.text = str_sub(s, 0, len);
    } else if (is_special(s.ptr[0])) {
        t.kind = TOKEN_SPECIAL;
        len = 1;
        t.text = str_sub(s, 0, 1);
    } else {
        t.kind = TOKEN_WORD;
        for (len = 0; len < s.len && !ascii_is_space(s.ptr[len]) &&
                      !is_special(s.ptr[len]) && s.ptr[len] != '"' && s.ptr[len] != '(';)
            len += s.ptr[len] == '\\' && len + 1 < s.len ? 2 : 1;
        t.text = str_sub(s, 0, len);
    }
    *rest = str_from(s, len);
    return t;
}

static void put_plain(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len)
            i++;
        buf_put(out, str_sub(text, i, 1));
    }
}

// "name:" -> the name; false with what is wrong (NULL text: nothing but a missing pair).
static bool take_name(struct str *rest, struct buf *name, bool *is_local)
{
    struct token t;

    *is_local = true;
    while ((t = take_token(rest)).kind != TOKEN_END) {
        if (t.kind == TOKEN_SPECIAL && t.text.ptr[0] == ':')
            return buf_len(name) > 0;
        if (t.kind == TOKEN_SPECIAL && t.text.ptr[0] == '@')
            *is_local = false;
        else if (t.kind == TOKEN_SPECIAL)
            return false;
        if (t.kind == TOKEN_COMMENT)
            continue;
        if (buf_len(name) > 0 && t.after_space)
            buf_put_c(name, " ");
        put_plain(name, t.text);
    }
    return false;
}

// compat: the value as Postfix stores it: one blank between words and behind commas, none
// around other specials, backslashes outside quotes gone.
static void put_value(struct buf *out, struct str rest)
{
    struct token t, before = {.kind = TOKEN_END};

    while ((t = take_token(&rest)).kind != TOKEN_END) {
        bool before_special = before.kind == TOKEN_SPECIAL || before.kind == TOKEN_END;
        bool opens = t.kind == TOKEN_SPECIAL && t.text.ptr[0] == '<';

        if (before.kind == TOKEN_SPECIAL && before.text.ptr[0] == ',')
            buf_put_c(out, " ");
        else if (!before_special && (t.kind != TOKEN_SPECIAL || opens) &&
                 (t.after_space || opens || t.kind == TOKEN_COMMENT))
            buf_put_c(out, " ");
        if (t.kind == TOKEN_QUOTED) {
            buf_put_c(out, "\"");
            buf_put(out, t.text);
            buf_put_c(out, "\"");
        } else if (t.kind == TOKEN_WORD) {
            put_plain(out, t.text);
        } else {
            buf_put(out, t.text);
        }
        before = t;
    }
}

bool alias_source_next(struct source *src, struct arena *arena, struct str *name,
                       struct str *value, int *line)
{
    struct str rest;

    while (source_next_line(src, &rest, line)) {
        struct buf *key = buf_make(arena, VALUE_MAX), *list = buf_make(arena, VALUE_MAX);
        bool is_local, is_pair = take_name(&rest, key, &is_local);

        if (is_pair)
            put_value(list, rest);
        if (!is_pair || buf_len(list) == 0) {
            log_warn("%s, line %d: need name:value pair", src->origin, *line);
            continue;
        }
        if (!is_local) {
            log_warn("%s, line %d: name must be local", src->origin, *line);
            continue;
        }
        *name = buf_view(key);
        *value = buf_view(list);
        return true;
    }
    return false;
}
