// fuzz_alias_value: any text as an alias value and as a .forward or :include: file.
#include "mail/alias_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct alias_targets *list)
{
    ensure(list->len <= 1000);
    for (size_t i = 0; i < list->len; i++) {
        const struct alias_target *t = &list->items[i];

        ensure(t->text != NULL);
        ensure(t->kind != ALIAS_FILE || t->text[0] == '/' || t->text[0] == '~');
        ensure(t->kind != ALIAS_ADDRESS || (t->text[0] != '|' && t->text[0] != '/'));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct str text = str_n((const char *)data, size);
    struct alias_targets value = {0}, file = {0};
    struct error err;

    (void)!alias_value_parse(arena, text, 1000, &value, &err);
    check(&value);
    (void)!alias_file_parse(arena, text, 1000, &file, &err);
    check(&file);
    arena_free(arena);
    return 0;
}
