// reply: what an SMTP server answers (RFC 5321 4.2), line by line.
#include "smtp/reply.h"
#include "util/text.h"
#include <stdio.h>

static int line_code(struct str line)
{
    int code = 0;

    if (line.len < 3 || line.ptr[0] < '1' || line.ptr[0] > '5')
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (!ascii_is_digit(line.ptr[i]))
            return 0;
        code = code * 10 + (line.ptr[i] - '0');
    }
    if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')
        return 0;
    return code;
}

// Text that will stand in logs and reports: no control bytes.
static void add_clean(struct buf *text, struct str line, char separator)
{
    char clean[REPLY_LINE_MAX];
    size_t len = line.len < sizeof clean ? line.len : sizeof clean;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];
        clean[i] = c < ' ' || c == 0x7f ? '?' : (char)c;
    }
    if (buf_len(text) > 0 && !buf_append_char(text, separator))
        return;
    if (!buf_append(text, str_n(clean, len)))
        return; // the limit: the rest of a very long reply is not kept
}

bool reply_add_line(struct buf *text, struct str line, char separator, int *code)
{
    add_clean(text, line, separator);
    *code = line_code(line);
    return *code != 0 && (line.len == 3 || line.ptr[3] == ' ');
}

size_t reply_dsn_length(struct str text)
{
    size_t pos = 2;

    if (text.len < 5 || !strchr("245", text.ptr[0]) || text.ptr[0] == '\0' ||
        text.ptr[1] != '.')
        return 0;
    for (int part = 0; part < 2; part++) {
        size_t start = pos;

        while (pos < text.len && pos < start + 3 && ascii_is_digit(text.ptr[pos]))
            pos++;
        if (pos == start)
            return 0;
        if (part == 0 && (pos >= text.len || text.ptr[pos++] != '.'))
            return 0;
    }
    return pos == text.len || ascii_is_space(text.ptr[pos]) ? pos : 0;
}

void reply_finish(const char *text, struct str last_line, int code,
                  struct smtp_reply *reply)
{
    struct str rest = str_from(last_line, 4);
    size_t len = reply_dsn_length(rest);

    reply->code = code;
    reply->text = text;
    if (code > 0 && len > 0 && rest.ptr[0] - '0' == code / 100)
        snprintf(reply->dsn, sizeof reply->dsn, "%.*s", (int)len, rest.ptr);
    else
        snprintf(reply->dsn, sizeof reply->dsn, "%u.0.0", (unsigned)code / 100 % 10);
}
