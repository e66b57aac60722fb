// fuzz_main_cf: any text as main.cf, and each value that it sets expanded.
#include "config/main_cf.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = arena_str(arena, str_n((const char *)data, size));
    struct main_cf *cf = main_cf_new();
    struct text_list names = {NULL, 0};
    struct error err;
    const char *value;

    log_open("fuzz", 0, 0);
    if (main_cf_parse(cf, "fuzz", text, &err)) {
        main_cf_names(cf, arena, &names);
        for (size_t i = 0; i < names.len && i < 64; i++) {
            ensure(main_cf_get(cf, names.items[i]) != NULL);
            ensure(main_cf_line(cf, names.items[i]) > 0);
            if (!main_cf_expand(cf, arena, main_cf_get(cf, names.items[i]), &value, &err))
                ensure(err.text[0] != '\0');
        }
    }
    main_cf_free(cf);
    arena_free(arena);
    return 0;
}
