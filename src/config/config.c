// config: main.cf turned into typed structs, one for each program and one that all share.
#include "config/config.h"
#include "paths.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <uthash.h>

struct known {
    const struct param *param;
    UT_hash_handle hh;
};

struct config {
    struct arena *arena;
    struct main_cf *cf;
    struct known *known; // all registered parameters by name
    struct mail_config mail;
    const char *path; // of main.cf
};

// The default text of a registered parameter, for $name expansion.
static const char *find_default(const char *name, void *ctx)
{
    struct config *cfg = ctx;
    struct known *known;

    HASH_FIND_STR(cfg->known, name, known);
    if (known == NULL)
        return NULL;
    if (known->param->compute != NULL)
        return known->param->compute(cfg->cf, cfg->arena);
    return known->param->value;
}

void config_add_params(struct config *cfg, const struct param *params)
{
    for (const struct param *p = params; p->name != NULL; p++) {
        struct known *known;

        HASH_FIND_STR(cfg->known, p->name, known);
        if (known != NULL)
            continue;
        known = ARENA_NEW(cfg->arena, struct known);
        known->param = p;
        HASH_ADD_KEYPTR(hh, cfg->known, p->name, strlen(p->name), known);
    }
}

// "FILE, line N: parameter NAME", or as much of it as is known.
static const char *place_of(struct config *cfg, const char *name)
{
    int line = main_cf_line(cfg->cf, name);

    if (line > 0)
        return arena_printf(cfg->arena, "%s, line %d: parameter %s", cfg->path, line, name);
    return arena_printf(cfg->arena, "parameter %s", name);
}

static bool set_text(struct config *cfg, const struct param *p, const char *text,
                     void *field, struct error *err)
{
    long len = (long)strlen(text);

    if (len < p->min || (p->max > 0 && len > p->max))
        return error_config(err, "bad string length %ld < %ld: %s = %s (%s)", len, p->min,
                            p->name, text, place_of(cfg, p->name));
    *(const char **)field = text;
    return true;
}

static bool set_number(struct config *cfg, const struct param *p, const char *text,
                       void *field, struct error *err)
{
    long value;

    if (!str_to_long(str_trim(str_c(text)), &value))
        return error_config(err, "bad numerical configuration: %s = %s (%s)", p->name, text,
                            place_of(cfg, p->name));
    if (value < p->min)
        return error_config(err, "invalid %s parameter value %s < %ld (%s)", p->name, text,
                            p->min, place_of(cfg, p->name));
    if (p->max > 0 && value > p->max)
        return error_config(err, "invalid %s parameter value %s > %ld (%s)", p->name, text,
                            p->max, place_of(cfg, p->name));
    *(long *)field = value;
    return true;
}

static bool set_duration(struct config *cfg, const struct param *p, const char *text,
                         void *field, struct error *err)
{
    struct duration value;

    if (!duration_parse(text, p->unit, &value))
        return error_config(err, "parameter %s: bad time value or unit: %s (%s)", p->name,
                            text, place_of(cfg, p->name));
    if (value.seconds < p->min || (p->max > 0 && value.seconds > p->max))
        return error_config(err, "invalid %s: %s (min %lds, max %lds) (%s)", p->name, text,
                            p->min, p->max, place_of(cfg, p->name));
    *(struct duration *)field = value;
    return true;
}

static bool set_bool(struct config *cfg, const struct param *p, const char *text,
                     void *field, struct error *err)
{
    if (text_to_bool(text, field))
        return true;
    return error_config(err, "bad boolean configuration: %s = %s (%s)", p->name, text,
                        place_of(cfg, p->name));
}

static bool load_one(struct config *cfg, const struct param *p, void *target,
                     struct error *err)
{
    const char *raw = main_cf_get(cfg->cf, p->name), *text;

    if (p->kind == PARAM_KIND_UNBUILT) {
        if (raw != NULL && main_cf_line(cfg->cf, p->name) > 0)
            log_warn(
                "%s: this feature is not available in this version; the setting has no "
                "effect",
                place_of(cfg, p->name));
        return true;
    }
    void *field = (char *)target + p->offset;
    if (raw == NULL)
        raw = find_default(p->name, cfg);
    if (p->kind == PARAM_KIND_RAW)
        return set_text(cfg, p, arena_strdup(cfg->arena, raw), field, err);
    if (!main_cf_expand(cfg->cf, cfg->arena, raw, &text, err))
        return error_prefix(err, "%s", place_of(cfg, p->name));
    switch (p->kind) {
    case PARAM_KIND_TEXT:
        return set_text(cfg, p, text, field, err);
    case PARAM_KIND_BOOL:
        return set_bool(cfg, p, text, field, err);
    case PARAM_KIND_INT:
        return set_number(cfg, p, text, field, err);
    case PARAM_KIND_DURATION:
        return set_duration(cfg, p, text, field, err);
    case PARAM_KIND_RAW:
    case PARAM_KIND_UNBUILT:
        break;
    }
    return true;
}

bool config_load(struct config *cfg, const struct param *params, void *target,
                 struct error *err)
{
    config_add_params(cfg, params);
    for (const struct param *p = params; p->name != NULL; p++)
        if (!load_one(cfg, p, target, err))
            return false;
    return true;
}

// Debian's form: a myorigin that starts with '/' names a file whose first line is the
// value.
static bool read_origin_file(struct config *cfg, struct error *err)
{
    const char *value = main_cf_get(cfg->cf, "myorigin");
    struct str text, line;

    if (value == NULL || value[0] != '/')
        return true;
    if (!file_read_all(cfg->arena, value, 65536, &text, err))
        return error_prefix(err, "%s", place_of(cfg, "myorigin"));
    if (!str_take_line(&text, &line) || str_trim(line).len == 0 || !str_is_text(line))
        return error_config(err, "%s: no name in the first line of %s",
                            place_of(cfg, "myorigin"), value);
    main_cf_set(cfg->cf, "myorigin", arena_text(cfg->arena, str_trim(line)));
    return true;
}

static bool open_main_cf(struct config *cfg, const char *dir, const char *const *overrides,
                         size_t overrides_len, struct error *err)
{
    cfg->path = arena_printf(cfg->arena, "%s/main.cf", dir);
    if (!main_cf_read(cfg->cf, cfg->path, err))
        return false;
    main_cf_set(cfg->cf, "config_directory", dir);
    for (size_t i = 0; i < overrides_len; i++) {
        struct str name, value;

        if (!text_split_pair(str_c(overrides[i]), &name, &value))
            return error_config(err, "-o %s: missing '=' after attribute name",
                                overrides[i]);
        main_cf_set(cfg->cf, arena_text(cfg->arena, name), arena_text(cfg->arena, value));
    }
    main_cf_on_default(cfg->cf, find_default, cfg);
    if (!read_origin_file(cfg, err))
        return false;
    return config_load(cfg, mail_params, &cfg->mail, err);
}

// A set-gid command must not lend its group to a configuration of the user's own making.
static bool is_authorized(const char *dir, struct error *err)
{
    bool lends = getauxval(AT_SECURE) != 0 && getuid() != 0;
    struct text_list list = {0};
    bool found = false;

    if (!lends || strcmp(dir, RELAIS_CONFIG_DIR) == 0)
        return true;
    struct config *main = config_open(RELAIS_CONFIG_DIR, NULL, 0, err);
    if (main == NULL)
        return false;
    const struct mail_config *mail = config_mail(main);
    const char *texts[] = {mail->alternate_config_directories,
                           mail->multi_instance_directories};
    for (size_t k = 0; k < COUNT(texts); k++) {
        if (!text_list_parse(main->arena, texts[k], &list, NULL))
            continue;
        for (size_t i = 0; i < list.len; i++)
            found |= strcmp(list.items[i], dir) == 0;
    }
    config_free(main);
    return found || error_config(err, "unauthorized configuration directory name: %s", dir);
}

struct config *config_open(const char *dir, const char *const *overrides,
                           size_t overrides_len, struct error *err)
{
    if (dir == NULL)
        dir = getenv("MAIL_CONFIG");
    if (dir == NULL)
        dir = RELAIS_CONFIG_DIR;
    if (!is_authorized(dir, err))
        return NULL;
    struct config *cfg = mem_alloc(sizeof(*cfg));
    cfg->arena = arena_new();
    cfg->cf = main_cf_new();
    if (!open_main_cf(cfg, dir, overrides, overrides_len, err)) {
        config_free(cfg);
        return NULL;
    }
    return cfg;
}

void config_free(struct config *cfg)
{
    struct known *known, *next;

    if (cfg == NULL)
        return;
    HASH_ITER(hh, cfg->known, known, next)
    HASH_DEL(cfg->known, known);
    main_cf_free(cfg->cf);
    arena_free(cfg->arena);
    free(cfg);
}

const struct mail_config *config_mail(const struct config *cfg)
{
    return &cfg->mail;
}

struct main_cf *config_main_cf(struct config *cfg)
{
    return cfg->cf;
}

const char *config_named_text(struct config *cfg, const char *name)
{
    const char *raw = main_cf_get(cfg->cf, name), *text;
    struct error err;

    if (raw == NULL)
        raw = find_default(name, cfg);
    if (raw == NULL)
        return NULL;
    if (main_cf_expand(cfg->cf, cfg->arena, raw, &text, &err))
        return text;
    log_warn("%s: %s", place_of(cfg, name), err.text);
    return NULL;
}

static const char *instance_value(struct config *cfg, const char *instance,
                                  const char *suffix, const char **name)
{
    *name = arena_printf(cfg->arena, "%s%s", instance, suffix);
    return main_cf_get(cfg->cf, *name) == NULL ? NULL : config_named_text(cfg, *name);
}

long config_instance_int(struct config *cfg, const char *instance, const char *suffix,
                         long inherited, long min, long max)
{
    const char *name, *text = instance_value(cfg, instance, suffix, &name);
    long value;

    if (text == NULL)
        return inherited;
    if (!str_to_long(str_trim(str_c(text)), &value) || value < min ||
        (max > 0 && value > max)) {
        log_warn("%s: bad value: %s; using %ld", place_of(cfg, name), text, inherited);
        return inherited;
    }
    return value;
}

struct duration config_instance_duration(struct config *cfg, const char *instance,
                                         const char *suffix, struct duration inherited,
                                         char unit)
{
    const char *name, *text = instance_value(cfg, instance, suffix, &name);
    struct duration value;

    if (text == NULL)
        return inherited;
    if (!duration_parse(text, unit, &value)) {
        log_warn("%s: bad value: %s; using %lds", place_of(cfg, name), text,
                 inherited.seconds);
        return inherited;
    }
    return value;
}

const char *config_instance_text(struct config *cfg, const char *instance,
                                 const char *suffix, const char *inherited)
{
    const char *name, *text = instance_value(cfg, instance, suffix, &name);

    return text == NULL ? inherited : text;
}

bool config_expand(struct config *cfg, struct arena *arena, const char *text,
                   const char **result, struct error *err)
{
    return main_cf_expand(cfg->cf, arena, text, result, err);
}

bool config_level_at_least(const struct config *cfg, const char *level)
{
    struct arena *arena = arena_new();
    const char *text = arena_printf(arena, "${{%s} >=level {%s} ? {yes} : {}}",
                                    cfg->mail.compatibility_level, level);
    const char *result;
    bool reached = main_cf_expand(cfg->cf, arena, text, &result, NULL) && result[0] != '\0';

    arena_free(arena);
    return reached;
}
