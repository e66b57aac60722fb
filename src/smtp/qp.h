// qp: quoted-printable (RFC 2045 6.7), a line at a time, for peers that take 7 bits only.
#pragma once
#include "util/str.h"

// What one line needs at most: three bytes for each, and soft line breaks.
#define QP_SIZE(len) ((len)*3 + (len)*3 / 70 * 3 + 16)

// Encodes a piece of a line into `out` (QP_SIZE(text.len) bytes) and returns the length.
// `ends`: the line ends behind it (its line break is not written). `*column` is 0 at the
// start of a line and lives from one piece to the next.
size_t qp_encode(struct str text, bool ends, size_t *column, char *out);
