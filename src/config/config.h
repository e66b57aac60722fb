// config: main.cf turned into typed structs, one for each program and one that all share.
#pragma once
#include "config/mail_config.h"
#include "config/main_cf.h"
#include "config/param.h"

struct config;

// Opens the configuration folder `dir` (NULL: MAIL_CONFIG, else the built-in default),
// reads main.cf, applies `overrides` ("name=value" texts, as master.cf's -o), and fills the
// shared struct mail_config. Errors name file, line and parameter.
struct config *config_open(const char *dir, const char *const *overrides,
                           size_t overrides_len, struct error *err);
void config_free(struct config *cfg);

// Registers tables of rows so that $name in main.cf can refer to the defaults of parameters
// that this program does not load; `tables` ends with NULL and must outlive `cfg`.
// config_load does so for its own rows.
void config_add_params(struct config *cfg, const struct param *params);

// Fills the struct at `target` by `params`. Texts live as long as `cfg`. Parameters marked
// as not built that main.cf sets are warned about once.
MUST_CHECK bool config_load(struct config *cfg, const struct param *params, void *target,
                            struct error *err);

// The shared parameters, and the dictionary itself for those who list it (postconf).
const struct mail_config *config_mail(const struct config *cfg);
struct main_cf *config_main_cf(struct config *cfg);

// Parameters whose name starts with a service name: slow_destination_rate_delay. Each
// returns the value set in main.cf as <instance><suffix>, else `inherited`. A bad value is
// logged as a warning with file and line and `inherited` stands.
long config_instance_int(struct config *cfg, const char *instance, const char *suffix,
                         long inherited, long min, long max);
struct duration config_instance_duration(struct config *cfg, const char *instance,
                                         const char *suffix, struct duration inherited,
                                         char unit);
const char *config_instance_text(struct config *cfg, const char *instance,
                                 const char *suffix, const char *inherited);
// A parameter whose name only the configuration knows (smtpd_restriction_classes members,
// ldapaliases_server_host). Expanded; NULL when not set.
const char *config_named_text(struct config *cfg, const char *name);
// Expands a text that came from elsewhere (master.cf argv, a RAW parameter) with main.cf
// names.
MUST_CHECK bool config_expand(struct config *cfg, struct arena *arena, const char *text,
                              const char **result, struct error *err);

// Compares dotted compatibility levels; main.cf's own against "3.6", say.
bool config_level_at_least(const struct config *cfg, const char *level);
