// checks: header_checks(5) and body_checks: one line against a table, and what it decides.
#pragma once
#include "cleanup/msg.h"

enum check_result {
    CHECK_KEEP,
    CHECK_DROP,    // leave the line out
    CHECK_REPLACE, // `text` of struct check takes its place
    CHECK_FAILED,  // the message is not accepted (status set)
};

struct check {
    bool is_header;
    struct maps *maps;
    struct str line; // as it stands in the message
};
struct check_outcome {
    enum check_result result;
    const char *text;     // CHECK_REPLACE
    const char **prepend; // lines to be put in front
    size_t prepend_len;
};

void check_line(struct msg *m, const struct check *check, struct check_outcome *outcome);
// "ID: ACTION: header TEXT from NAME[ADDR]; from=<S> to=<R> proto=P helo=<H>: REASON".
void check_log(struct msg *m, const char *action, const char *what, struct str line,
               const char *reason);
