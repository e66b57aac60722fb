// submission: a message of a local user in record form, and its way to submit(8), else
// through postdrop(1).
#pragma once
#include "mail/cleanup_client.h"

struct submission {
    const char *sender, *full_name; // internal form of the address; "" where there is none
    const char *envelope_id, *encoding, *verp, *rewrite_context;
    int64_t dsn_ret, trace_flags;
    const struct cleanup_rcpt *rcpts, *extracted; // given; found in headers
    size_t rcpts_len, extracted_len;
};

// Appends the records of a whole message to `out`. `content` has LF line ends; longer lines
// than `line_max` are cut into several records of one line.
void submission_put(struct buf *out, struct arena *arena, const struct submission *sub,
                    struct str content, size_t line_max);

// An exit status of sysexits.h, and in `reason` why it is not 0. `id`, unless NULL, gets
// the name of the queue file or of that in maildrop, or "".
int submission_send(struct arena *arena, const struct mail_config *cfg, struct str records,
                    const char **reason, const char **id);
