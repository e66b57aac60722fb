// postconf_known: which parameters exist: built-in ones, those that services bring with
// their name, and those that the administrator made up; and what values they have.
#pragma once
#include "config/main_cf.h"
#include "config/master_cf.h"
#include "config/param.h"

enum known_class {
    KNOWN_BUILTIN = 1 << 0,
    KNOWN_SERVICE = 1 << 1, // slow_destination_rate_delay, from master.cf's entries
    KNOWN_USER =
        1 << 2, // set in main.cf and referred to by $name or as a restriction class
    KNOWN_ALL = KNOWN_BUILTIN | KNOWN_SERVICE | KNOWN_USER,
};

struct known_param {
    const char *name;
    unsigned known_class;      // enum known_class
    const struct param *param; // NULL for service and user parameters
    const char *default_text;  // service parameters
};

struct postconf {
    struct arena *arena;
    const char *dir; // of main.cf and master.cf
    struct main_cf *main;
    struct master_cf master;
    struct known_param *known; // sorted by name
    size_t known_len;
};

// Builds the list from the declared tables, master.cf and main.cf as far as they were read.
void known_collect(struct postconf *pc);
const struct known_param *known_find(const struct postconf *pc, const char *name);
// The default as text, computed where it has to be.
const char *known_default(const struct postconf *pc, const struct known_param *known);
// main_cf_default for expansion.
const char *known_default_by_name(const char *name, void *pc);
// "unused parameter" and "undefined parameter" warnings for main.cf and master.cf.
// With `master_only` names that nothing uses in main.cf are no matter.
void known_warn(struct postconf *pc, bool master_only);
