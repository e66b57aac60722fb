// source_line: entries "key whitespace value" of a postmap(1) source.
#pragma once
#include "util/file.h"

struct source {
    struct logical_lines lines;
    const char *origin;  // file name, for warnings
    bool check_utf8;     // lines that are not UTF-8 are skipped
    bool says_ignoring;  // texthash's wording
    struct arena *arena; // joined lines; reset by the caller when it likes
};

// The next good entry. Bad lines are logged with file and line, and skipped. `*line` is
// where it starts. False at the end. The slices live as long as the text and `arena`.
bool source_next(struct source *src, struct str *key, struct str *value, int *line);

// Logs and drops what starts with white space before any entry, and (`check_utf8`) what is
// not UTF-8; the next logical line, cut at a NUL. False at the end. For alias files, too.
bool source_next_line(struct source *src, struct str *text, int *line);
