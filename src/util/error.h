// error: why something failed, handed upwards by value; no allocation, never logged below.
#pragma once
#include "util/base.h"

enum error_kind {
    ERROR_NONE,
    ERROR_TEMPORARY, // may work later: answer 4xx, defer
    ERROR_PERMANENT, // will not work: answer 5xx, bounce
    ERROR_CONFIG,    // the administrator has to act; for the mail at hand it is temporary
};

struct error {
    enum error_kind kind;
    char dsn[12];    // RFC 3463 status such as "4.3.0"; "" when there is none to give
    char text[1024]; // one line, for people; long texts are cut
};

// Each fills `err` (which may be NULL) and returns false, for `return error_temp(...)`.
// `%m` is the text of errno, as in syslog(3).
bool error_temp(struct error *err, const char *dsn, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool error_perm(struct error *err, const char *dsn, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool error_config(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Puts a formatted text and ": " before the reason that stands in `err`; returns false.
bool error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
