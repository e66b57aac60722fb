// text: lists and words as configuration values and address headers use them.
#include "util/text.h"

char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool ascii_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ascii_is_alnum(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

void ascii_lower_in_place(char *text)
{
    for (; *text != '\0'; text++)
        *text = ascii_lower(*text);
}

bool str_is_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

// Length of the well-formed sequence at `p` (RFC 3629 4), 0 if there is none.
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;

    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool utf8_is_valid(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;

    for (size_t i = 0; i < s.len;) {
        size_t len = utf8_sequence(p + i, s.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

void text_make_printable(char *bytes, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence((unsigned char *)bytes + i, len - i);

        if (step == 0 || (unsigned char)bytes[i] < 32 || bytes[i] == 127) {
            bytes[i] = '?';
            step = 1;
        }
        i += step;
    }
}

static bool is_separator(char c)
{
    return c == ',' || ascii_is_space(c);
}

bool text_take_element(struct str *rest, struct str *element)
{
    struct str s = *rest;
    size_t end = 0;
    int depth = 0;

    while (s.len > 0 && is_separator(s.ptr[0]))
        s = str_from(s, 1);
    *rest = s;
    if (s.len == 0)
        return false;
    for (; end < s.len && (depth > 0 || !is_separator(s.ptr[end])); end++) {
        if (s.ptr[end] == '{')
            depth++;
        else if (s.ptr[end] == '}' && depth > 0)
            depth--;
    }
    *element = depth > 0 ? str_n(NULL, 0) : str_n(s.ptr, end);
    *rest = str_from(s, end);
    return true;
}

void text_list_add(struct arena *arena, struct text_list *list, const char *item)
{
    // Room doubles at powers of two, so that adding stays linear.
    if ((list->len & (list->len - 1)) == 0) {
        size_t room = list->len == 0 ? 1 : 2 * list->len;
        const char **items = arena_array(arena, room, sizeof(*items));

        for (size_t i = 0; i < list->len; i++)
            items[i] = list->items[i];
        list->items = items;
    }
    list->items[list->len++] = item;
}

bool text_list_parse(struct arena *arena, const char *text, struct text_list *list,
                     struct error *err)
{
    struct text_list result = {NULL, 0};
    struct str rest = str_c(text), element;

    while (text_take_element(&rest, &element)) {
        if (element.ptr == NULL)
            return error_config(err, "missing '}' in \"%s\"", text);
        text_list_add(arena, &result, arena_text(arena, element));
    }
    *list = result;
    return true;
}

bool text_list_has_nocase(const struct text_list *list, const char *item)
{
    for (size_t i = 0; i < list->len; i++)
        if (str_is_nocase(str_c(list->items[i]), item))
            return true;
    return false;
}

bool text_unbrace(struct str s, struct str *inner)
{
    int depth = 0;

    s = str_trim(s);
    if (s.len < 2 || s.ptr[0] != '{' || s.ptr[s.len - 1] != '}')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        depth += s.ptr[i] == '{';
        depth -= s.ptr[i] == '}';
        if (depth == 0 && i + 1 < s.len)
            return false; // "{a} {b}": the last brace is not the partner of the first
    }
    *inner = str_trim(str_sub(s, 1, s.len - 2));
    return depth == 0;
}

bool text_split_pair(struct str s, struct str *name, struct str *value)
{
    size_t at = str_index(s, '=');

    if (at == SIZE_MAX)
        return false;
    *name = str_trim(str_n(s.ptr, at));
    *value = str_trim(str_from(s, at + 1));
    return name->len > 0;
}

bool text_to_bool(const char *text, bool *value)
{
    if (str_is_nocase(str_c(text), "yes"))
        *value = true;
    else if (str_is_nocase(str_c(text), "no"))
        *value = false;
    else
        return false;
    return true;
}
