// smtp_data: message content as it comes in by DATA or BDAT: line ends, dots, end of data.
//
// This is where SMTP smuggling is kept out. Every line leaves with LF as its end, and
// unless the administrator allows otherwise the data end only at CR LF '.' CR LF, byte for
// byte.
#pragma once
#include "util/str.h"

enum smtp_eol {
    SMTP_EOL_STRICT, // a bare LF ends a line, but is no part of an end of data
    SMTP_EOL_ANY,    // LF '.' LF ends the data, too (smtpd_forbid_bare_newline=no)
};

enum smtp_data_state {
    SMTP_DATA_LINE,    // at the start of a line
    SMTP_DATA_DOT,     // '.' at the start of a line
    SMTP_DATA_DOT_CR,  // and CR
    SMTP_DATA_TEXT,    // inside a line
    SMTP_DATA_TEXT_CR, // CR held back, as it may be the first half of CR LF
    SMTP_DATA_END,     // end of data seen
};

struct smtp_data {
    enum smtp_eol eol;
    bool has_dots; // DATA; BDAT has none
    enum smtp_data_state state;
    bool after_bare_lf; // what ended the line before
    bool saw_bare_lf;
    int64_t size; // bytes so far, each line end as CR LF
};

// Most bytes that one call can put out beyond those it takes in.
#define SMTP_DATA_EXTRA 2

void smtp_data_begin(struct smtp_data *d, enum smtp_eol eol, bool has_dots);
// Decodes `in` into `out` (room for in.len + SMTP_DATA_EXTRA); `*out_len` is how much.
// Returns the bytes used: all of them, unless the end of data came before.
size_t smtp_data_decode(struct smtp_data *d, struct str in, char *out, size_t *out_len);
// After the last chunk of BDAT: a CR held back, and the line end that the last line lacks.
void smtp_data_finish(struct smtp_data *d, char out[SMTP_DATA_EXTRA], size_t *out_len);
static inline bool smtp_data_is_ended(const struct smtp_data *d)
{
    return d->state == SMTP_DATA_END;
}
