// dates: the forms in which headers give the time.
#pragma once
#include "util/arena.h"
#include "util/clock.h"

// RFC 5322 3.3 with the zone's name: "Mon, 23 Nov 2026 16:08:50 +0000 (UTC)".
char *date_header(struct arena *arena, int64_t sec);
// "20261123160851", for Message-Id; UTC.
char *date_compact(struct arena *arena, int64_t sec);
