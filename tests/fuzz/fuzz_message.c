// fuzz_message: any bytes as the body of a frame, for the most structured kinds we have.
#include "mail/bounce_client.h"
#include "mail/cleanup_client.h"
#include "mail/delivery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct message_kind *const kinds[] = {
        &cleanup_envelope_kind, &cleanup_end_kind, &delivery_request_kind,
        &bounce_request_kind};
    union {
        struct cleanup_envelope envelope;
        struct cleanup_end_msg end;
        struct delivery_request delivery;
        struct bounce_request bounce;
    } msg;

    if (size == 0)
        return 0;
    struct arena *arena = arena_new();
    const struct message_kind *kind = kinds[data[0] % COUNT(kinds)];

    // What decodes has to encode again.
    if (message_decode(arena, str_n((const char *)data + 1, size - 1), kind, &msg, NULL))
        ensure(message_encode(buf_make(arena, 2 * size + 4096), kind, &msg));
    arena_free(arena);
    return 0;
}
