// alias_value: the right-hand side of aliases(5), which is also what .forward and :include:
// files consist of: a list of addresses, "|commands", /files and :include:s.
#pragma once
#include "util/arena.h"
#include "util/error.h"

enum alias_target_kind {
    ALIAS_ADDRESS, // internal form
    ALIAS_MAILBOX, // \name: no further aliasing
    ALIAS_COMMAND, // text behind the '|'
    ALIAS_FILE,    // starts with '/', or "~/" in .forward
    ALIAS_INCLUDE, // path behind ":include:"
};
struct alias_target {
    enum alias_target_kind kind;
    const char *text;
};
struct alias_targets {
    struct alias_target *items;
    size_t len;
};

// Appends what one value (or one line of a file) says. Elements end at commas and, outside
// quotes, at white space; comments in parentheses and the phrase before <address> are
// dropped. At most `max` targets in the list in all: more is an error, as are unclosed
// quotes, comments and angle brackets. What was read before the error stays in the list.
MUST_CHECK bool alias_value_parse(struct arena *arena, struct str value, size_t max,
                                  struct alias_targets *list, struct error *err);

// The same for a whole .forward or :include: file: empty lines and lines that start with
// '#' are skipped.
MUST_CHECK bool alias_file_parse(struct arena *arena, struct str text, size_t max,
                                 struct alias_targets *list, struct error *err);
