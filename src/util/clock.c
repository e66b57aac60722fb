// clock: spans of time as a type, and what time it is.
#include "util/clock.h"
#include "util/str.h"
#include "util/text.h"

struct moment moment_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct moment){ts.tv_sec, (int32_t)(ts.tv_nsec / 1000)};
}

double moment_diff(struct moment a, struct moment b)
{
    return (double)(b.sec - a.sec) + (double)(b.usec - a.usec) / 1e6;
}

int64_t clock_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static long unit_seconds(char unit)
{
    switch (ascii_lower(unit)) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 60 * 60;
    case 'd':
        return 24 * 60 * 60;
    case 'w':
        return 7 * 24 * 60 * 60;
    default:
        return 0;
    }
}

bool duration_parse(const char *text, char default_unit, struct duration *value)
{
    struct str s = str_c(text);
    char unit = default_unit;
    long n, seconds;

    if (s.len > 0 && !ascii_is_digit(s.ptr[s.len - 1])) {
        unit = s.ptr[s.len - 1];
        s.len--;
    }
    if (unit_seconds(unit) == 0 || !str_to_long(s, &n) || n < 0)
        return false;
    if (__builtin_mul_overflow(n, unit_seconds(unit), &seconds) || seconds > INT32_MAX)
        return false;
    value->seconds = seconds;
    return true;
}
