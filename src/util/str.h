// str: a slice of bytes that came from outside; counted, not NUL-terminated, owned
// elsewhere.
#pragma once
#include "util/base.h"
#include <string.h>

struct arena;

struct str {
    const char *ptr;
    size_t len;
};

#define STR_LIT(literal) ((struct str){(literal), sizeof(literal) - 1})
// For printf's "%.*s".
#define STR_FMT(s) (int)(s).len, (s).ptr

static inline struct str str_n(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

// A slice over a C string of ours; NULL gives the empty slice.
static inline struct str str_c(const char *text)
{
    return text == NULL ? (struct str){"", 0} : (struct str){text, strlen(text)};
}

// Equal bytes; str_is_nocase folds ASCII letters only (as SMTP keywords and domains need).
bool str_is(struct str s, const char *text);
bool str_is_nocase(struct str s, const char *text);
bool str_equal(struct str a, struct str b);
bool str_equal_nocase(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_starts_nocase(struct str s, const char *prefix);
bool str_ends_nocase(struct str s, const char *suffix);
bool str_has_char(struct str s, char c);
// Position of the first or last `c`, or SIZE_MAX.
size_t str_index(struct str s, char c);
size_t str_rindex(struct str s, char c);

// The part from `start`, or `len` bytes from it; clipped to the slice.
struct str str_from(struct str s, size_t start);
struct str str_sub(struct str s, size_t start, size_t len);
// Without white space (blank, TAB, CR, LF, VT, FF) at both ends, at the left, at the right.
struct str str_trim(struct str s);
struct str str_trim_left(struct str s);
struct str str_trim_right(struct str s);

// Takes the next piece that ends in one of `separators` (runs of them count as one, leading
// ones are skipped). False when nothing is left.
bool str_take(struct str *rest, const char *separators, struct str *piece);
// Takes up to the next `c` (which is dropped too); false when `rest` was already used up,
// that is when rest->ptr is NULL. "a,,b" gives three pieces.
bool str_split(struct str *rest, char c, struct str *piece);
// Takes the next line without its LF; a last line without LF counts. False at the end.
bool str_take_line(struct str *rest, struct str *line);

// Decimal number that fills the whole slice; false for an empty slice, a sign or an
// overflow.
bool str_to_u64(struct str s, uint64_t *value);
bool str_to_long(struct str s, long *value); // may have a leading '-'

// No NUL byte inside: may become a C string.
bool str_is_text(struct str s);
