// error: why something failed, handed upwards by value; no allocation, never logged below.
#include "util/error.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct error *err, enum error_kind kind, const char *dsn, const char *fmt,
                 va_list args)
{
    char text[sizeof(err->text)]; // the arguments may point into err

    vsnprintf(text, sizeof(text), fmt, args);
    err->kind = kind;
    snprintf(err->dsn, sizeof(err->dsn), "%s", dsn);
    memcpy(err->text, text, sizeof(text));
}

bool error_temp(struct error *err, const char *dsn, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (err != NULL)
        fill(err, ERROR_TEMPORARY, dsn, fmt, args);
    va_end(args);
    return false;
}

bool error_perm(struct error *err, const char *dsn, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (err != NULL)
        fill(err, ERROR_PERMANENT, dsn, fmt, args);
    va_end(args);
    return false;
}

bool error_config(struct error *err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (err != NULL)
        fill(err, ERROR_CONFIG, "4.3.5", fmt, args);
    va_end(args);
    return false;
}

bool error_prefix(struct error *err, const char *fmt, ...)
{
    if (err == NULL)
        return false;

    char before[sizeof(err->text)], whole[2 * sizeof(err->text) + 4];
    va_list args;

    va_start(args, fmt);
    vsnprintf(before, sizeof(before), fmt, args);
    va_end(args);
    snprintf(whole, sizeof(whole), "%s: %s", before, err->text);
    memcpy(err->text, whole, sizeof(err->text) - 1);
    err->text[sizeof(err->text) - 1] = '\0';
    return false;
}
