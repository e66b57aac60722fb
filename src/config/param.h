// param: how a program declares the main.cf parameters that it uses, once, with type,
// default and limits. postconf, the loader and the lint check all read the same rows.
#pragma once
#include "util/clock.h"
#include "util/error.h"

enum param_kind {
    PARAM_KIND_TEXT, // $name expanded at load
    PARAM_KIND_RAW, // kept as written, expanded by its user at run time (default_rbl_reply)
    PARAM_KIND_BOOL,     // yes or no
    PARAM_KIND_INT,      // long, with limits
    PARAM_KIND_DURATION, // struct duration, with limits
    PARAM_KIND_UNBUILT,  // known to Postfix, not built: setting it is warned about
};

struct arena;
struct main_cf;

// One declared parameter. Write the rows with the macros below.
struct param {
    enum param_kind kind;
    const char *name;
    size_t offset;     // of the field in the program's struct
    const char *value; // default as main.cf text, $name allowed; NULL when computed
    // Computed default (myhostname), in `arena`.
    const char *(*compute)(const struct main_cf *cf, struct arena *arena);
    long min, max; // numbers and spans: smallest and largest; text: length limits
                   // (max 0: none)
    char unit;     // spans: unit of a bare number
    const char
        *per_service;  // "transport": a suffix row for NAME_suffix, see config_instance_*
    const char *since; // Postfix version that brought it; "" when long ago
};

// A row does not compile when the field has another type than the macro says.
#define PARAM_FIELD(S, field, type) _Generic(((S *)0)->field, type : offsetof(S, field))

#define PARAM_TEXT_AS(S, field, cf_name, def)                                              \
    {                                                                                      \
        .kind = PARAM_KIND_TEXT, .name = cf_name, .value = def,                            \
        .offset = PARAM_FIELD(S, field, const char *)                                      \
    }
#define PARAM_TEXT(S, field, def) PARAM_TEXT_AS(S, field, #field, def)
// Must not be empty.
#define PARAM_TEXT_NONEMPTY(S, field, def)                                                 \
    {                                                                                      \
        .kind = PARAM_KIND_TEXT, .name = #field, .value = def, .min = 1,                   \
        .offset = PARAM_FIELD(S, field, const char *)                                      \
    }
#define PARAM_TEXT_COMPUTED(S, field, function)                                            \
    {                                                                                      \
        .kind = PARAM_KIND_TEXT, .name = #field, .compute = function, .min = 1,            \
        .offset = PARAM_FIELD(S, field, const char *)                                      \
    }
#define PARAM_RAW(S, field, def)                                                           \
    {                                                                                      \
        .kind = PARAM_KIND_RAW, .name = #field, .value = def,                              \
        .offset = PARAM_FIELD(S, field, const char *)                                      \
    }
#define PARAM_BOOL_AS(S, field, cf_name, def)                                              \
    {                                                                                      \
        .kind = PARAM_KIND_BOOL, .name = cf_name, .value = def,                            \
        .offset = PARAM_FIELD(S, field, bool)                                              \
    }
#define PARAM_BOOL(S, field, def) PARAM_BOOL_AS(S, field, #field, def)
// `def` is text, so that "${stress?{1}:{20}}" can stand there. max 0: no upper limit.
#define PARAM_INT_AS(S, field, cf_name, def, lo, hi)                                       \
    {                                                                                      \
        .kind = PARAM_KIND_INT, .name = cf_name, .value = def, .min = lo, .max = hi,       \
        .offset = PARAM_FIELD(S, field, long)                                              \
    }
#define PARAM_INT(S, field, def, lo, hi) PARAM_INT_AS(S, field, #field, def, lo, hi)
// `lo` in seconds; `unit_char` is the unit of a bare number.
#define PARAM_DURATION_AS(S, field, cf_name, def, unit_char, lo, hi)                       \
    {                                                                                      \
        .kind = PARAM_KIND_DURATION, .name = cf_name, .value = def, .unit = unit_char,     \
        .min = lo, .max = hi, .offset = PARAM_FIELD(S, field, struct duration)             \
    }
#define PARAM_DURATION(S, field, def, unit_char, lo)                                       \
    PARAM_DURATION_AS(S, field, #field, def, unit_char, lo, 0)
// Declared, with Postfix's default, but without the feature behind it.
#define PARAM_UNBUILT(cf_name, def)                                                        \
    {                                                                                      \
        .kind = PARAM_KIND_UNBUILT, .name = cf_name, .value = def                          \
    }
#define PARAM_END                                                                          \
    {                                                                                      \
        .name = NULL                                                                       \
    }
