// source_line: entries "key whitespace value" of a postmap(1) source.
#include "table/source_line.h"
#include "util/log.h"
#include "util/text.h"

// For messages: what is not ASCII as '?'.
static const char *ascii_only(struct arena *arena, struct str s)
{
    char *text = arena_text(arena, s);

    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    return text;
}

bool source_next_line(struct source *src, struct str *text, int *line)
{
    struct str s;

    while (logical_line_next(src->arena, &src->lines, &s, line)) {
        s.len = strnlen(s.ptr, s.len);
        s = str_trim_right(s);
        if (s.len == 0)
            continue;
        if (ascii_is_space(s.ptr[0])) {
            log_warn("%s: logical line must not start with whitespace: \"%.*s\"",
                     src->origin, STR_FMT(s));
            continue;
        }
        if (src->check_utf8 && !utf8_is_valid(s)) {
            log_warn("%s, line %d: non-UTF-8 input \"%s\" -- ignoring this line",
                     src->origin, *line, ascii_only(src->arena, s));
            continue;
        }
        *text = s;
        return true;
    }
    return false;
}

// Length of the key: up to the first white space outside quotes; SIZE_MAX if a quote is
// open.
static size_t key_len(struct str s)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < s.len && (quoted || !ascii_is_space(s.ptr[i])); i++) {
        if (s.ptr[i] == '"')
            quoted = !quoted;
        else if (s.ptr[i] == '\\' && quoted && i + 1 < s.len)
            i++;
    }
    return quoted ? SIZE_MAX : i;
}

bool source_next(struct source *src, struct str *key, struct str *value, int *line)
{
    struct str s;

    while (source_next_line(src, &s, line)) {
        size_t len = key_len(s);

        if (len == SIZE_MAX) {
            log_warn("%s, line %d: unbalanced '\"' in '%.*s' -- ignoring this line",
                     src->origin, *line, STR_FMT(s));
            continue;
        }
        *key = str_sub(s, 0, len);
        *value = str_trim(str_from(s, len));
        if (value->len == 0) {
            log_warn("%s, line %d: expected format: key whitespace value%s", src->origin,
                     *line, src->says_ignoring ? " -- ignoring this line" : "");
            continue;
        }
        if (key->ptr[key->len - 1] == ':')
            log_warn(
                "%s, line %d: record is in \"key: value\" format; is this an alias file?",
                src->origin, *line);
        return true;
    }
    return false;
}
