// master_generation: one reading of main.cf and master.cf.
#pragma once
#include "master/master_state.h"

// NULL with file, line and reason. The caller has one reference.
struct generation *generation_load(const char *config_dir, struct error *err);
struct generation *generation_hold(struct generation *gen);
void generation_release(struct generation *gen); // NULL is fine
const struct mail_config *generation_mail(const struct generation *gen);
// By name and type; NULL if none.
const struct master_entry *generation_find(const struct generation *gen, const char *name,
                                           enum master_type type);
// By the pattern list master_service_disable: "type", "name/type", "name.type".
bool generation_is_disabled(const struct generation *gen, const struct master_entry *entry);
// The number of processes that the entry allows; 0: no limit.
long generation_limit(const struct generation *gen, const struct master_entry *entry);
