// clock: spans of time as a type, and what time it is.
#pragma once
#include "util/base.h"
#include <time.h>

// A span, as a main.cf time parameter gives it.
struct duration {
    long seconds;
};

// A point in time with microseconds, since the epoch (wall clock).
struct moment {
    int64_t sec;
    int32_t usec;
};

struct moment moment_now(void);
// b - a in seconds, with fraction.
double moment_diff(struct moment a, struct moment b);
// Milliseconds that only ever grow (CLOCK_MONOTONIC), for deadlines.
int64_t clock_ms(void);

// Parses "5", "5s", "10m", "2h", "1d", "1w"; a bare number counts in `default_unit` (one of
// smhdw). False for anything else or on overflow.
bool duration_parse(const char *text, char default_unit, struct duration *value);
