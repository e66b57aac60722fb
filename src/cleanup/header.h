// header: what the names of header fields mean.
#pragma once
#include "mail/header_field.h"
#include "util/arena.h"

enum header_kind {
    HEADER_OTHER,
    HEADER_TO,
    HEADER_CC,
    HEADER_BCC,
    HEADER_FROM,
    HEADER_DATE,
    HEADER_MESSAGE_ID,
    HEADER_RECEIVED,
    HEADER_SENDER_LIKE, // other fields with a sender's address
    HEADER_RESENT_TO,
    HEADER_RESENT_CC,
    HEADER_RESENT_BCC,
    HEADER_RESENT_FROM,
    HEADER_RESENT_DATE,
    HEADER_RESENT_MESSAGE_ID,
    HEADER_RESENT_SENDER_LIKE,
    HEADER_CONTENT_TYPE,
    HEADER_CONTENT_ENCODING,
    HEADER_MIME_OTHER,
};
enum header_traits {
    HEADER_HAS_SENDER = 1 << 0,
    HEADER_HAS_RCPTS = 1 << 1,
    HEADER_IS_RESENT = 1 << 2,
    HEADER_IS_MIME = 1 << 3,
    HEADER_EXTRACT = 1 << 4, // sendmail -t takes recipients from it
};
struct header_class {
    enum header_kind kind;
    unsigned traits;
};
struct header_class header_classify(struct str name);

// "Name: value" with folding and edge blanks reduced to single blanks, cut to `max` bytes:
// for tables and the log.
char *header_unfold(struct arena *arena, struct str text, size_t max);

// Joins the parts of an address list (at its commas) into lines of sane length: "a,
// b,\n\tc". `name_len` is the length of the "Name:" in front.
char *header_fold_addresses(struct arena *arena, size_t name_len, struct str value);
