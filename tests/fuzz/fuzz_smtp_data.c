// fuzz_smtp_data: DATA framing: the same bytes must mean the same however they are cut, and
// the end of data must be CR LF '.' CR LF and nothing else.
#include "proto/smtp_data.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t decode(struct str in, size_t step, bool dots, char *out, size_t *used)
{
    struct smtp_data d;
    size_t len = 0, at = 0;

    smtp_data_begin(&d, SMTP_EOL_STRICT, dots);
    while (at < in.len && !smtp_data_is_ended(&d)) {
        struct str piece = str_sub(in, at, step);
        size_t got = 0, taken = smtp_data_decode(&d, piece, out + len, &got);

        ensure(taken <= piece.len && got <= piece.len + SMTP_DATA_EXTRA);
        ensure(taken == piece.len || smtp_data_is_ended(&d));
        at += taken;
        len += got;
    }
    if (smtp_data_is_ended(&d)) {
        ensure(at >= 3 && memcmp(in.ptr + at - 3, ".\r\n", 3) == 0);
        ensure(at == 3 || (at >= 5 && memcmp(in.ptr + at - 5, "\r\n", 2) == 0));
    }
    *used = at;
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 65536)
        return 0;
    struct str in = str_n((const char *)data + 2, size - 2);
    size_t room = in.len * 2 + 16, used_a, used_b;
    char *a = malloc(room), *b = malloc(room);

    ensure(a != NULL && b != NULL);
    size_t len_a = decode(in, in.len + 1, data[0] & 1, a, &used_a);
    size_t len_b = decode(in, (size_t)data[1] % 7 + 1, data[0] & 1, b, &used_b);

    ensure(len_a == len_b && used_a == used_b && memcmp(a, b, len_a) == 0);
    free(a);
    free(b);
    return 0;
}
