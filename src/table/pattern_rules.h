// pattern_rules: the rule language of regexp and pcre tables: /pattern/flags result, !, if
// and endif, $1 in results. The expression engines stand behind it.
#pragma once
#include "table/table_type.h"

// Groups that a result can name: $1 ... $99.
#define PATTERN_GROUPS_MAX 100

struct pattern_span {
    size_t start, end; // SIZE_MAX: the group took no part
};

enum pattern_option { PATTERN_OPTION_OK, PATTERN_OPTION_OBSOLETE, PATTERN_OPTION_UNKNOWN };
enum pattern_match { PATTERN_MATCHES, PATTERN_DIFFERS, PATTERN_FAILS };

struct pattern_engine {
    const char *type;           // "regexp"
    const char *open_delimiter; // wording of the warning for a missing delimiter
    unsigned default_options;
    enum pattern_option (*toggle)(unsigned *options, char letter);
    // The compiled expression, and its count of groups. NULL with the reason.
    void *(*compile)(const struct table *t, const char *pattern, unsigned options,
                     bool wants_groups, size_t *groups, struct error *err);
    void (*free)(void *expression);
    // Fills spans[0..groups]; PATTERN_FAILS with the reason.
    enum pattern_match (*match)(void *expression, struct str subject,
                                struct pattern_span *spans, size_t groups,
                                struct error *err);
};

bool pattern_table_open(struct table *t, const struct pattern_engine *engine,
                        struct error *err);
void pattern_table_close(struct table *t);
enum table_result pattern_table_find(struct table *t, struct arena *arena, const char *key,
                                     const char **value, struct error *err);
