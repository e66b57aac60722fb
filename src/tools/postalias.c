// postalias: builds alias databases from aliases(5) text, asks, lists and edits them.
#include "service/table_command.h"
#include "table/alias_source.h"
#include <time.h>

static bool fill(struct source *src, struct table *t, const struct table_options *opt,
                 struct error *err)
{
    struct arena *scratch = arena_new();
    struct str name, value;
    bool ok = true;
    int line;

    while (ok && alias_source_next(src, scratch, &name, &value, &line)) {
        if (opt->flags & TABLE_FOLD_KEY)
            name = str_c(table_fold_key(scratch, name));
        ok = table_put(t, name, value, err);
        arena_reset(scratch);
        arena_reset(src->arena);
    }
    arena_free(scratch);
    return ok;
}

// What NIS and old sendmails look for: that the file is complete, when, and where it was
// made.
static bool finish(struct table *t, const struct mail_config *mail, struct error *err)
{
    struct arena *arena = arena_new();
    const char *now = arena_printf(arena, "%lld", (long long)time(NULL));
    bool ok = table_put(t, STR_LIT("@"), STR_LIT("@"), err) &&
              table_put(t, STR_LIT("YP_LAST_MODIFIED"), str_c(now), err) &&
              table_put(t, STR_LIT("YP_MASTER_NAME"), str_c(mail->myhostname), err);

    arena_free(arena);
    return ok;
}

static const struct table_command postalias = {
    .name = "postalias",
    .letters = "Nc:d:fijnopq:rsuvw",
    .usage =
        "postalias [-Nfijnoprsuvw] [-c config_dir] [-d key] [-q key] [map_type:]file...",
    .key_separator = ":",
    .fill = fill,
    .finish = finish,
};

int main(int argc, char **argv)
{
    return table_command_main(argc, argv, &postalias);
}
