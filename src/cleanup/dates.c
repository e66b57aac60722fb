// dates: the forms in which headers give the time.
#include "cleanup/dates.h"
#include <stdlib.h>

char *date_header(struct arena *arena, int64_t sec)
{
    // Not by strftime's %a and %b: those follow the locale.
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)sec;
    struct tm tm;

    localtime_r(&t, &tm);
    long offset = tm.tm_gmtoff / 60;

    return arena_printf(arena, "%s, %02d %s %d %02d:%02d:%02d %c%02ld%02ld (%s)",
                        days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
                        tm.tm_hour, tm.tm_min, tm.tm_sec, offset < 0 ? '-' : '+',
                        labs(offset) / 60, labs(offset) % 60, tm.tm_zone);
}

char *date_compact(struct arena *arena, int64_t sec)
{
    time_t t = (time_t)sec;
    struct tm tm;

    gmtime_r(&t, &tm);
    return arena_printf(arena, "%04d%02d%02d%02d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                        tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
