// table_regexp: POSIX regular expressions (regcomp).
#include "table/pattern_rules.h"
#include <regex.h>
#include <stdlib.h>

static enum pattern_option toggle(unsigned *options, char letter)
{
    switch (letter) {
    case 'i':
        *options ^= REG_ICASE;
        return PATTERN_OPTION_OK;
    case 'm':
        *options ^= REG_NEWLINE;
        return PATTERN_OPTION_OK;
    case 'x':
        *options ^= REG_EXTENDED;
        return PATTERN_OPTION_OK;
    default:
        return PATTERN_OPTION_UNKNOWN;
    }
}

static void *compile(const struct table *t, const char *pattern, unsigned options,
                     bool wants_groups, size_t *groups, struct error *err)
{
    regex_t *re = mem_alloc(sizeof(*re));
    int failure = regcomp(re, pattern, (int)(options | (wants_groups ? 0 : REG_NOSUB)));
    char why[256];

    (void)t;
    if (failure == 0) {
        *groups = re->re_nsub;
        return re;
    }
    regerror(failure, re, why, sizeof(why));
    free(re);
    error_config(err, "%s", why);
    return NULL;
}

static void release(void *expression)
{
    regfree(expression);
    free(expression);
}

static enum pattern_match match(void *expression, struct str subject,
                                struct pattern_span *spans, size_t groups,
                                struct error *err)
{
    regmatch_t found[PATTERN_GROUPS_MAX];
    int failure = regexec(expression, subject.ptr, groups == 0 ? 0 : groups + 1, found, 0);
    char why[256];

    if (failure == REG_NOMATCH)
        return PATTERN_DIFFERS;
    if (failure != 0) {
        regerror(failure, expression, why, sizeof(why));
        error_temp(err, "4.3.0", "%s", why);
        return PATTERN_FAILS;
    }
    for (size_t i = 1; i <= groups; i++) {
        bool used = found[i].rm_so >= 0;

        spans[i].start = used ? (size_t)found[i].rm_so : SIZE_MAX;
        spans[i].end = used ? (size_t)found[i].rm_eo : SIZE_MAX;
    }
    return PATTERN_MATCHES;
}

static const struct pattern_engine engine = {
    .type = "regexp",
    .open_delimiter = "skipping this rule",
    .default_options = REG_EXTENDED | REG_ICASE,
    .toggle = toggle,
    .compile = compile,
    .free = release,
    .match = match,
};

static bool open_table(struct table *t, struct error *err)
{
    return pattern_table_open(t, &engine, err);
}

const struct table_type table_type_regexp = {
    .name = "regexp",
    .traits = TABLE_IS_PATTERN,
    .open = open_table,
    .close = pattern_table_close,
    .find = pattern_table_find,
};
