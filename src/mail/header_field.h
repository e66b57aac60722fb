// header_field: header fields of a message (RFC 5322 2.2) as slices.
#pragma once
#include "util/str.h"

struct header {
    struct str name;  // without blanks before the colon
    struct str value; // what follows the colon, folding included, no line end at its end
    struct str text;  // the whole field with its continuation lines, no line end at its end
};

enum header_result {
    HEADER_FIELD, // `h` is one, taken off
    HEADER_END,   // an empty line, taken off
    HEADER_NONE,  // no more text, or a line that is no header field: left alone
};
enum header_result header_take(struct str *rest, struct header *h);
