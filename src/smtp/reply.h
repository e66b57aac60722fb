// reply: what an SMTP server answers (RFC 5321 4.2), line by line.
#pragma once
#include "util/buf.h"
#include "util/str.h"

enum { REPLY_LINE_MAX = 2048, REPLY_TEXT_MAX = 16384 };

struct smtp_reply {
    int code;         // 0: not an SMTP reply
    char dsn[12];     // RFC 3463, from the last line when it fits the code, else "N.0.0"
    const char *text; // all lines, codes included
};

// Adds a line (without its CR LF) to the reply in `text` (limit REPLY_TEXT_MAX: what is
// beyond is dropped), `separator` before all but the first. True when it was the last line.
// A line that is none of SMTP (`*code` is 0) never is.
MUST_CHECK bool reply_add_line(struct buf *text, struct str line, char separator,
                               int *code);

// Completes `reply` from its code and its text. The enhanced code comes from the last line.
void reply_finish(const char *text, struct str last_line, int code,
                  struct smtp_reply *reply);

// "X.Y.Z" at the start of `text` with one to three digits in the last two places; its
// length, or 0.
size_t reply_dsn_length(struct str text);
