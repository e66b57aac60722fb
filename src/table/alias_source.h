// alias_source: entries "name: value, value" of an aliases(5) file.
#pragma once
#include "table/source_line.h"

// The next good entry: the name without quotes, the value in the form that is stored. Bad
// lines are logged with file and line, and skipped. False at the end.
bool alias_source_next(struct source *src, struct arena *arena, struct str *name,
                       struct str *value, int *line);
