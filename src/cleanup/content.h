// content: the content segment of the queue file: headers checked, rewritten and completed,
// the body checked line by line.
#pragma once
#include "cleanup/msg.h"

// What the headers said.
struct header_facts {
    unsigned seen;  // bits by enum header_kind
    bool has_rcpts; // To, Cc or Bcc (or Resent-...)
    bool is_resent;
    long hops;
    const char **to, **resent_to; // addresses for sendmail -t
    size_t to_len, to_max, resent_len, resent_max;
};

// Writes the content records. False when the message is not accepted (status set).
bool content_write(struct msg *m, struct header_facts *facts);
// One line (a header with its continuation lines has several) as records.
bool content_put(struct msg *m, struct str text);
