// queue_id: names of messages: short (microseconds and inode in hex) and long (never
// reused).
#include "mail/queue_id.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// No vowels, so that no words appear. The last letter separates the inode, which is
// therefore written in base 51.
static const char alphabet[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
#define BASE 52u
#define INODE_BASE 51u
#define SEPARATOR 'z'
#define SECONDS_DIGITS 6
#define USEC_DIGITS 4

// Writes `value` with at least `digits` digits behind `to`; the end.
static char *put_number(char *to, uint64_t value, unsigned base, int digits)
{
    char reversed[32];
    int len = 0;

    do {
        reversed[len++] = alphabet[value % base];
        value /= base;
    } while (value > 0);
    while (len < digits)
        reversed[len++] = alphabet[0];
    while (len > 0)
        *to++ = reversed[--len];
    return to;
}

static bool get_number(struct str s, unsigned base, uint64_t *value)
{
    uint64_t sum = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const char *digit = s.ptr[i] == 0 ? NULL : strchr(alphabet, s.ptr[i]);

        if (digit == NULL || digit - alphabet >= (ptrdiff_t)base)
            return false;
        if (__builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(digit - alphabet), &sum))
            return false;
    }
    *value = sum;
    return true;
}

void queue_id_format(char id[QUEUE_ID_SIZE], struct moment created, uint64_t inode,
                     bool is_long)
{
    if (!is_long) {
        snprintf(id, QUEUE_ID_SIZE, "%05X%llX", (unsigned)created.usec,
                 (unsigned long long)inode);
        return;
    }
    char *end = put_number(id, (uint64_t)created.sec, BASE, SECONDS_DIGITS);

    end = put_number(end, (uint64_t)created.usec, BASE, USEC_DIGITS);
    *end++ = SEPARATOR;
    end = put_number(end, inode, INODE_BASE, 1);
    *end = 0;
}

bool queue_id_is_valid(struct str id)
{
    if (id.len == 0 || id.len >= QUEUE_ID_SIZE)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

// Where the separator of a long ID stands: the last one, for the inode has none.
static const char *long_separator(const char *id)
{
    const char *z = strrchr(id, SEPARATOR);

    return z != NULL && z - id >= SECONDS_DIGITS + USEC_DIGITS ? z : NULL;
}

bool queue_id_is_long(const char *id)
{
    return long_separator(id) != NULL;
}

bool queue_id_inode(const char *id, uint64_t *inode)
{
    const char *z = long_separator(id);

    if (z != NULL)
        return get_number(str_c(z + 1), INODE_BASE, inode);
    if (strlen(id) <= 5 || strspn(id, "0123456789ABCDEF") != strlen(id) ||
        strlen(id) > 5 + 16)
        return false;
    *inode = strtoull(id + 5, NULL, 16);
    return true;
}

bool queue_id_usec_hex(const char *id, char hex[6])
{
    const char *z = long_separator(id);
    uint64_t usec;

    if (z == NULL || !get_number(str_n(z - USEC_DIGITS, USEC_DIGITS), BASE, &usec))
        return false;
    snprintf(hex, 6, "%05X", (unsigned)(usec & 0xfffff));
    return true;
}
