// checks: smtp_header_checks and friends: what a table says about one header field or line.
#pragma once
#include "table/maps.h"

// Asks `maps` about `*text`. The text may be replaced, `*before` (lines) is to be written
// before it, and `*keep` becomes false when it is to be dropped. False: temporary trouble.
MUST_CHECK bool checks_apply(struct maps *maps, struct arena *arena, const char *queue_id,
                             const char *what, struct str *text, struct str *before,
                             bool *keep, struct error *err);
