// fuzz_cleanup_mime: any bytes as a message: headers, MIME structure, folding of addresses.
#include "cleanup/mime.h"
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct mime_limits limits = {.nesting = 20, .boundary_length = 70, .parse = true};
    struct mime_walk w;
    struct mime_event event;
    size_t seen = 0;

    mime_start(&w, arena, &limits, str_n((const char *)data, size));
    for (mime_next(&w, &event); event.kind != MIME_DONE; mime_next(&w, &event)) {
        ensure(seen++ <= size + 1); // every event but one takes something
        if (event.kind == MIME_BODY_LINE || event.kind == MIME_HEADERS_END)
            continue;
        struct header_addr_list list;

        header_unfold(arena, event.header.text, 200);
        header_addrs_parse(arena, event.header.value, 100, &list);
        header_fold_addresses(arena, event.header.name.len + 1, event.header.value);
    }
    arena_free(arena);
    return 0;
}
