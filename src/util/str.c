// str: a slice of bytes that came from outside; counted, not NUL-terminated, owned
// elsewhere.
#include "util/str.h"
#include "util/text.h"
#include <strings.h>

bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

bool str_is(struct str s, const char *text)
{
    return str_equal(s, str_c(text));
}

bool str_is_nocase(struct str s, const char *text)
{
    return str_equal_nocase(s, str_c(text));
}

bool str_starts(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && str_equal(str_n(s.ptr, len), str_n(prefix, len));
}

bool str_starts_nocase(struct str s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && str_equal_nocase(str_n(s.ptr, len), str_n(prefix, len));
}

bool str_ends_nocase(struct str s, const char *suffix)
{
    size_t len = strlen(suffix);

    return s.len >= len &&
           str_equal_nocase(str_n(s.ptr + s.len - len, len), str_n(suffix, len));
}

size_t str_index(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

size_t str_rindex(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

bool str_has_char(struct str s, char c)
{
    return str_index(s, c) != SIZE_MAX;
}

struct str str_from(struct str s, size_t start)
{
    if (start > s.len)
        start = s.len;
    return s.ptr == NULL ? s : str_n(s.ptr + start, s.len - start);
}

struct str str_sub(struct str s, size_t start, size_t len)
{
    s = str_from(s, start);
    if (s.len > len)
        s.len = len;
    return s;
}

struct str str_trim_left(struct str s)
{
    while (s.len > 0 && ascii_is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    return s;
}

struct str str_trim_right(struct str s)
{
    while (s.len > 0 && ascii_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct str str_trim(struct str s)
{
    return str_trim_right(str_trim_left(s));
}

static bool is_one_of(const char *set, char c)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool str_take(struct str *rest, const char *separators, struct str *piece)
{
    struct str s = *rest;
    size_t end = 0;

    while (s.len > 0 && is_one_of(separators, s.ptr[0]))
        s = str_from(s, 1);
    if (s.len == 0) {
        *rest = s;
        return false;
    }
    while (end < s.len && !is_one_of(separators, s.ptr[end]))
        end++;
    *piece = str_n(s.ptr, end);
    *rest = str_from(s, end);
    return true;
}

bool str_split(struct str *rest, char c, struct str *piece)
{
    if (rest->ptr == NULL)
        return false;

    size_t end = str_index(*rest, c);
    if (end == SIZE_MAX) {
        *piece = *rest;
        *rest = str_n(NULL, 0);
    } else {
        *piece = str_n(rest->ptr, end);
        *rest = str_from(*rest, end + 1);
    }
    return true;
}

bool str_take_line(struct str *rest, struct str *line)
{
    if (rest->len == 0)
        return false;

    size_t end = str_index(*rest, '\n');
    *line = end == SIZE_MAX ? *rest : str_n(rest->ptr, end);
    *rest = str_from(*rest, end == SIZE_MAX ? rest->len : end + 1);
    return true;
}

bool str_to_u64(struct str s, uint64_t *value)
{
    uint64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i]))
            return false;
        if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return false;
    }
    *value = n;
    return true;
}

bool str_to_long(struct str s, long *value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t n;

    if (!str_to_u64(negative ? str_from(s, 1) : s, &n) || n > INT64_MAX)
        return false;
    *value = negative ? -(long)n : (long)n;
    return true;
}

bool str_is_text(struct str s)
{
    return !str_has_char(s, '\0');
}
