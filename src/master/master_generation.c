// master_generation: one reading of main.cf and master.cf.
#include "master/master_generation.h"
#include "config/unbuilt_config.h"
#include "util/log.h"
#include <stdlib.h>
#include <string.h>

struct generation *generation_hold(struct generation *gen)
{
    gen->refs++;
    return gen;
}

void generation_release(struct generation *gen)
{
    if (gen == NULL || --gen->refs > 0)
        return;
    config_free(gen->config);
    arena_free(gen->arena);
    free(gen);
}

const struct mail_config *generation_mail(const struct generation *gen)
{
    return config_mail(gen->config);
}

static bool load(struct generation *gen, const char *config_dir, struct error *err)
{
    gen->config = config_open(config_dir, NULL, 0, err);
    if (gen->config == NULL || !config_load(gen->config, master_params, &gen->cfg, err))
        return false;
    // Once for the whole system: what main.cf asks for and no program has. (The programs
    // warn of the missing features of their own.)
    if (!config_load(gen->config, unbuilt_params, NULL, err))
        return false;
    const char *path =
        arena_printf(gen->arena, "%s/master.cf", generation_mail(gen)->config_directory);
    return master_cf_read(gen->arena, path, !config_level_at_least(gen->config, "1"),
                          &gen->services, err);
}

struct generation *generation_load(const char *config_dir, struct error *err)
{
    struct generation *gen = mem_alloc(sizeof(*gen));

    *gen = (struct generation){.refs = 1, .arena = arena_new()};
    if (load(gen, config_dir, err))
        return gen;
    if (gen->config != NULL)
        config_free(gen->config);
    arena_free(gen->arena);
    free(gen);
    return NULL;
}

const struct master_entry *generation_find(const struct generation *gen, const char *name,
                                           enum master_type type)
{
    for (size_t i = 0; i < gen->services.len; i++) {
        const struct master_entry *entry = &gen->services.entries[i];
        if (entry->type == type && strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

static bool matches(const char *pattern, const struct master_entry *entry)
{
    struct str text = str_c(pattern);
    size_t slash = str_rindex(text, '/');

    if (slash == SIZE_MAX) // the form of Postfix before 3.0: "name.type"
        slash = str_rindex(text, '.');
    if (slash == SIZE_MAX)
        return str_is(text, entry->type_name);
    return str_is(str_from(text, slash + 1), entry->type_name) &&
           str_is(str_sub(text, 0, slash), entry->name);
}

bool generation_is_disabled(const struct generation *gen, const struct master_entry *entry)
{
    struct text_list list = {0};

    if (!text_list_parse(gen->arena, gen->cfg.master_service_disable, &list, NULL))
        return false;
    for (size_t i = 0; i < list.len; i++) {
        bool negated = list.items[i][0] == '!';
        if (matches(list.items[i] + negated, entry))
            return !negated; // the first match decides
    }
    return false;
}

long generation_limit(const struct generation *gen, const struct master_entry *entry)
{
    return entry->process_limit >= 0 ? entry->process_limit
                                     : generation_mail(gen)->default_process_limit;
}
