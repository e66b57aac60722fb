// xtext: RFC 3461 4 coding of arbitrary text in ESMTP parameters.
#include "proto/xtext.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

// One "+XX"; 0 when it is broken, as NUL may not be coded either.
static int coded_byte(struct str text, size_t at)
{
    if (at + 2 >= text.len)
        return 0;
    int high = hex_digit(text.ptr[at + 1]), low = hex_digit(text.ptr[at + 2]);

    return high < 0 || low < 0 ? 0 : high * 16 + low;
}

bool xtext_decode(struct arena *arena, struct str text, const char **value)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int c = (unsigned char)text.ptr[i];

        if (c == '+') {
            c = coded_byte(text, i);
            i += 2;
        }
        if (c == 0)
            return false;
        out[len++] = (char)c;
    }
    *value = out;
    return true;
}

char *xtext_encode(struct arena *arena, struct str value, const char *also)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(arena, value.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c > 32 && c < 127 && c != '+' && c != '=' && strchr(also, c) == NULL) {
            out[len++] = (char)c;
        } else {
            out[len++] = '+';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    return out;
}

static size_t put_utf8(char *out, unsigned long code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

// The character of "\x{HEX}" at the start of `text`, 0 when it is none; `*used` its length.
static unsigned long coded_character(struct str text, size_t *used)
{
    unsigned long code = 0;
    size_t i = 3;

    if (text.len < 5 || memcmp(text.ptr, "\\x{", 3) != 0)
        return 0;
    for (; i < text.len && text.ptr[i] != '}' && i < 9; i++) {
        int digit = hex_digit(text.ptr[i]);

        if (digit < 0)
            return 0;
        code = code * 16 + (unsigned long)digit;
    }
    if (i == text.len || text.ptr[i] != '}' || code > 0x10ffff ||
        (code & 0x1ff800) == 0xd800)
        return 0;
    *used = i + 1;
    return code;
}

bool uxtext_decode(struct arena *arena, struct str text, const char **value)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0, used = 0;
    const char *plain;

    // Each coded character is at least as long as its UTF-8 form, so `out` cannot overflow.
    for (size_t i = 0; i < text.len; i += used) {
        if (text.ptr[i] == '\\') {
            unsigned long code = coded_character(str_from(text, i), &used);

            if (code == 0)
                return false;
            len += put_utf8(out + len, code);
        } else {
            out[len++] = text.ptr[i];
            used = 1;
        }
    }
    if (!xtext_decode(arena, str_n(out, len), &plain))
        return false;
    *value = plain;
    return true;
}
