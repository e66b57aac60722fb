// sendmail_message: standard input becomes a message in the form that postdrop(1) reads.
#pragma once
#include "config/mail_config.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/str.h"
#include "util/text.h"

enum fix_line_endings { FIX_ALWAYS, FIX_STRICT, FIX_NEVER };

enum { SENDMAIL_TRACE_VERIFY = 1 << 8 }; // -bv: a probe, without a message

struct sendmail_options {
    const char *sender, *full_name; // internal form of the address
    const char *envelope_id, *encoding, *verp;
    int dsn_ret, dsn_notify, trace_flags;
    bool extract_rcpts, dot_is_text, is_gateway;
    enum fix_line_endings fix;
    struct text_list rcpts; // internal form
};

// Reads `fd` to its end, or to a line with one dot. False: the message is of no use (no
// recipients, too big) or reading failed.
MUST_CHECK bool sendmail_read(struct arena *arena, int fd, const struct mail_config *cfg,
                              const struct sendmail_options *options, struct str *records,
                              struct error *err);

// The recipients that the headers name (Resent- ones if there are any).
void sendmail_header_rcpts(struct arena *arena, struct str message, size_t max,
                           struct text_list *rcpts);
