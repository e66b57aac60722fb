// postmap: builds lookup tables from text, asks, lists and edits them.
#include "service/table_command.h"
#include "tools/postmap_message.h"
#include "util/log.h"

static bool put_entry(struct arena *scratch, struct table *t,
                      const struct table_options *opt, const char *origin, int line,
                      struct str key, struct str value, struct error *err)
{
    if (opt->files && !table_command_read_files(scratch, value, &value, err)) {
        log_warn("%s, line %d: %s", origin, line, err->text);
        return true;
    }
    if (opt->flags & TABLE_FOLD_KEY)
        key = str_c(table_fold_key(scratch, key));
    return table_put(t, key, value, err);
}

static bool fill(struct source *src, struct table *t, const struct table_options *opt,
                 struct error *err)
{
    struct arena *scratch = arena_new();
    struct str key, value;
    bool ok = true;
    int line;

    while (ok && source_next(src, &key, &value, &line)) {
        ok = put_entry(scratch, t, opt, src->origin, line, key, value, err);
        arena_reset(scratch);
        arena_reset(src->arena);
    }
    arena_free(scratch);
    return ok;
}

static const struct table_command postmap = {
    .name = "postmap",
    .letters = "bc:d:fFhijmnNopq:rsuUvw",
    .usage =
        "postmap [-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...",
    .key_separator = "",
    .fill = fill,
    .each_key = postmap_each_key,
};

int main(int argc, char **argv)
{
    return table_command_main(argc, argv, &postmap);
}
