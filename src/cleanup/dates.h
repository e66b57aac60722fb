// dates: the time as a Message-Id has it.
#pragma once
#include "util/arena.h"
#include "util/clock.h"

// "20261123160851", for Message-Id; UTC.
char *date_compact(struct arena *arena, int64_t sec);
