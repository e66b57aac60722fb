// header_field: header fields of a message (RFC 5322 2.2) as slices.
#include "mail/header_field.h"

// The length of "name:" at the start of `line` (blanks before the colon included), or 0.
// RFC 5322 2.2: printable ASCII without the colon.
static size_t name_length(struct str line, size_t *colon)
{
    size_t i = 0;

    while (i < line.len && line.ptr[i] > ' ' && line.ptr[i] < 127 && line.ptr[i] != ':')
        i++;
    size_t len = i;

    while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'))
        i++;
    if (len == 0 || i == line.len || line.ptr[i] != ':')
        return 0;
    *colon = i;
    return len;
}

enum header_result header_take(struct str *rest, struct header *h)
{
    struct str left = *rest, line;
    size_t colon;

    if (!str_take_line(&left, &line))
        return HEADER_NONE;
    if (line.len == 0) {
        *rest = left;
        return HEADER_END;
    }
    size_t name_len = name_length(line, &colon);

    if (name_len == 0)
        return HEADER_NONE;
    const char *start = line.ptr, *end = line.ptr + line.len;

    while (left.len > 0 && (left.ptr[0] == ' ' || left.ptr[0] == '\t')) {
        if (!str_take_line(&left, &line))
            break;
        end = line.ptr + line.len;
    }
    h->text = str_n(start, (size_t)(end - start));
    h->name = str_sub(h->text, 0, name_len);
    h->value = str_from(h->text, colon + 1);
    *rest = left;
    return HEADER_FIELD;
}
