// mime: walks a message and says for each line whether it is a header of the message, of a
// MIME part or of an attached message, or body text (RFC 2045, 2046). Decodes nothing.
#pragma once
#include "cleanup/header.h"

enum mime_event_kind {
    MIME_PRIMARY_HEADER, // of the message itself
    MIME_PART_HEADER,    // MIME headers, anywhere
    MIME_NESTED_HEADER,  // of a message/rfc822 attachment
    MIME_HEADERS_END,    // the message's own headers are over
    MIME_BODY_LINE,      // everything else, line by line
    MIME_DONE,
};
struct mime_event {
    enum mime_event_kind kind;
    struct header header; // of the three header kinds
    struct str line;      // of MIME_BODY_LINE, without its LF
    bool has_newline;
    bool empty_line_missing; // with MIME_HEADERS_END: no empty line stood there
};

enum mime_errors {
    MIME_ERROR_NESTING = 1 << 0,
    MIME_ERROR_8BIT_HEADER = 1 << 1,
    MIME_ERROR_8BIT_BODY = 1 << 2,       // 8-bit text in a part that says 7bit
    MIME_ERROR_ENCODING_DOMAIN = 1 << 3, // message/* or multipart/* with base64 or such
};

struct mime_limits {
    size_t nesting, boundary_length;
    bool parse; // false: no MIME, only the message's headers and its body
};

struct mime_level {
    struct str boundary;
};

struct mime_walk {
    struct arena *arena;
    struct mime_limits limits;
    struct str rest;
    unsigned errors;               // enum mime_errors, as found so far
    bool said_8bit;                // a Content-Transfer-Encoding of 8bit or binary was seen
    int state;                     // enum walk_state, in the .c
    bool is_multipart, is_message; // what the headers being read announce
    bool is_encoded;               // quoted-printable or base64
    bool is_7bit;                  // the current part's transfer encoding is 7bit
    struct str boundary;
    struct mime_level *levels; // open multiparts, the innermost last
    size_t levels_len, levels_max, depth;
};

void mime_start(struct mime_walk *w, struct arena *arena, const struct mime_limits *limits,
                struct str message);
void mime_next(struct mime_walk *w, struct mime_event *event);

// Value of a Content-Type header: "multipart/mixed; boundary=x". False when unreadable.
bool mime_parse_type(struct arena *arena, struct str value, struct str *type,
                     struct str *subtype, struct str *boundary);
