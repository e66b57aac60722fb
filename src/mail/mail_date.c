// mail_date: dates as mail headers of our own show them.
#include "mail/mail_date.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void mail_date_format(char text[MAIL_DATE_SIZE], int64_t seconds)
{
    // Whatever the locale is.
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t when = (time_t)seconds;
    struct tm tm;

    if (localtime_r(&when, &tm) == NULL) {
        when = 0;
        gmtime_r(&when, &tm);
    }
    long offset = labs(tm.tm_gmtoff) / 60;

    snprintf(text, MAIL_DATE_SIZE, "%s, %02d %s %d %02d:%02d:%02d %c%02ld%02ld (%.10s)",
             days[tm.tm_wday % 7], tm.tm_mday, months[tm.tm_mon % 12], tm.tm_year + 1900,
             tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff < 0 ? '-' : '+',
             offset / 60 % 100, offset % 60, tm.tm_zone);
}
