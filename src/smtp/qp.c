// qp: quoted-printable (RFC 2045 6.7), a line at a time, for peers that take 7 bits only.
#include "smtp/qp.h"

// compat: RFC 2045 allows 76 with the mark; Postfix breaks where it passes 72.
enum { COLUMN_MAX = 72 };

static bool needs_quoting(struct str text, size_t i, bool ends)
{
    unsigned char c = (unsigned char)text.ptr[i];

    if (c == ' ' || c == '\t')
        return i + 1 == text.len && ends; // it would be lost at the end of a line
    return c == '=' || c < ' ' || c > '~';
}

size_t qp_encode(struct str text, bool ends, size_t *column, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = out;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool quote = needs_quoting(text, i, ends);

        if (*column > COLUMN_MAX) {
            memcpy(to, "=\r\n", 3);
            to += 3;
            *column = 0;
        }
        // A dot that a soft break brings to the start of a line must not end the message.
        quote = quote || (*column == 0 && c == '.' && i > 0);
        if (quote) {
            *to++ = '=';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        } else {
            *to++ = (char)c;
        }
        *column += quote ? 3 : 1;
    }
    if (ends)
        *column = 0;
    return (size_t)(to - out);
}
