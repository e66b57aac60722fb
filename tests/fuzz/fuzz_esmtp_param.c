// fuzz_esmtp_param: parameters of MAIL and RCPT, and the path before them.
#include "mail/address.h"
#include "proto/esmtp_param.h"
#include "proto/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *arena;
    struct str rest = str_n((const char *)data, size);
    struct esmtp_param p;
    const char *text;
    int number;

    if (arena == NULL)
        arena = arena_new();
    if (str_is_text(rest) && smtp_path_parse(arena, rest, size & 1, &text, &rest))
        (void)strlen(text);
    while (esmtp_param_take(&rest, &p)) {
        (void)dsn_notify_parse(p.value, &number);
        (void)dsn_ret_parse(p.value, &number);
        if (dsn_orcpt_parse(arena, p.value, &text) ||
            dsn_envid_parse(arena, p.value, &text))
            (void)strlen(text);
        if (xtext_decode(arena, p.value, &text)) {
            const char *again;

            ensure(
                xtext_decode(arena, str_c(xtext_encode(arena, str_c(text), "")), &again));
            ensure(strcmp(text, again) == 0);
        }
    }
    arena_reset(arena);
    return 0;
}
