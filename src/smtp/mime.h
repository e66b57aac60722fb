// mime: where in a message we are (RFC 2045, 2046), line by line: which header block, which
// body.
#pragma once
#include "util/arena.h"
#include "util/str.h"

enum mime_place {
    MIME_PRIMARY_HEADERS, // of the message
    MIME_PART_HEADERS,    // of a part of a multipart
    MIME_NESTED_HEADERS,  // of an attached message
    MIME_BODY,
};
enum mime_encoding {
    MIME_7BIT,
    MIME_8BIT,
    MIME_BINARY,
    MIME_QP,
    MIME_BASE64,
    MIME_UNKNOWN
};

struct mime;

struct mime *mime_new(struct arena *arena, size_t nesting_limit, size_t boundary_limit);
enum mime_place mime_place(const struct mime *m);
// A whole header field (continuation lines inside) of the present block.
void mime_header(struct mime *m, struct str name, struct str value);
// The empty line that ended a header block (or the block ended without one).
void mime_headers_end(struct mime *m);
// The start of a line in a body, before it is used: a boundary may lead to a header block.
// True when the line is a boundary.
bool mime_body_line(struct mime *m, struct str line);
// After mime_headers_end: what the block's Content-Transfer-Encoding says, and whether the
// entity has parts of its own (multipart/*, message/rfc822).
enum mime_encoding mime_encoding(const struct mime *m);
bool mime_is_composite(const struct mime *m);
