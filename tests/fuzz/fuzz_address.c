// fuzz_address: any text as an SMTP path and as the value of an address header.
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = arena_str(arena, str_n((const char *)data, size));
    struct header_addr_list list;
    const char *address;
    struct str rest;

    // What was accepted survives quoting and unquoting (domains are not quoted).
    if (str_is_text(text) && smtp_path_parse(arena, text, size % 2, &address, &rest)) {
        struct str local, domain;
        const char *external = address_quote(arena, address);

        address_split(str_c(address), &local, &domain);
        if (strpbrk(domain.ptr, " \t\"\\()[") == NULL)
            ensure(strcmp(address_unquote(arena, str_c(external)), address) == 0);
    }
    header_addrs_parse(arena, text, 50, &list);
    ensure(list.len <= 50);
    for (size_t i = 0; i < list.len; i++) {
        ensure(list.items[i].start + list.items[i].len <= size);
        address_quote(arena, list.items[i].address);
    }
    arena_free(arena);
    return 0;
}
