// table_pcre: Perl compatible regular expressions (PCRE2).
#include "table/pattern_rules.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

// Bounds on what one match may cost: a pattern with nested repetition must not hang a
// daemon.
#define STEPS_MAX 10000000u
#define HEAP_KIB_MAX 20480u

struct expression {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static enum pattern_option toggle(unsigned *options, char letter)
{
    static const struct {
        char letter;
        unsigned option;
    } known[] = {
        {'i', PCRE2_CASELESS      },
        {'m', PCRE2_MULTILINE     },
        {'s', PCRE2_DOTALL        },
        {'x', PCRE2_EXTENDED      },
        {'A', PCRE2_ANCHORED      },
        {'E', PCRE2_DOLLAR_ENDONLY},
        {'U', PCRE2_UNGREEDY      },
    };

    for (size_t i = 0; i < COUNT(known); i++)
        if (known[i].letter == letter) {
            *options ^= known[i].option;
            return PATTERN_OPTION_OK;
        }
    return letter == 'X' ? PATTERN_OPTION_OBSOLETE : PATTERN_OPTION_UNKNOWN;
}

static void release(void *expression)
{
    struct expression *e = expression;

    pcre2_match_data_free(e->data);
    pcre2_match_context_free(e->limits);
    pcre2_code_free(e->code);
    free(e);
}

static void *compile(const struct table *t, const char *pattern, unsigned options,
                     bool wants_groups, size_t *groups, struct error *err)
{
    struct expression *e = mem_alloc(sizeof(*e));
    uint32_t count = 0;
    PCRE2_SIZE where = 0;
    PCRE2_UCHAR why[256];
    int failure;

    (void)wants_groups;
    if (t->flags & TABLE_UTF8)
        options |= PCRE2_UTF;
    e->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &failure,
                            &where, NULL);
    if (e->code == NULL) {
        pcre2_get_error_message(failure, why, sizeof(why));
        free(e);
        error_config(err, "error in regex at offset %zu: %s", where, (const char *)why);
        return NULL;
    }
    pcre2_pattern_info(e->code, PCRE2_INFO_CAPTURECOUNT, &count);
    *groups = count;
    e->data = pcre2_match_data_create_from_pattern(e->code, NULL);
    e->limits = pcre2_match_context_create(NULL);
    ensure(e->data != NULL && e->limits != NULL);
    pcre2_set_match_limit(e->limits, STEPS_MAX);
    pcre2_set_heap_limit(e->limits, HEAP_KIB_MAX);
    return e;
}

static enum pattern_match match(void *expression, struct str subject,
                                struct pattern_span *spans, size_t groups,
                                struct error *err)
{
    const struct expression *e = expression;
    const PCRE2_SIZE *found;
    PCRE2_UCHAR why[256];
    int count = pcre2_match(e->code, (PCRE2_SPTR)subject.ptr, subject.len, 0, 0, e->data,
                            e->limits);

    if (count == PCRE2_ERROR_NOMATCH)
        return PATTERN_DIFFERS;
    if (count < 0) {
        pcre2_get_error_message(count, why, sizeof(why));
        error_temp(err, "4.3.0", "%s", (const char *)why);
        return PATTERN_FAILS;
    }
    found = pcre2_get_ovector_pointer(e->data);
    for (size_t i = 1; i <= groups; i++) {
        bool used = (int)i < count && found[2 * i] != PCRE2_UNSET;

        spans[i].start = used ? found[2 * i] : SIZE_MAX;
        spans[i].end =
            used && found[2 * i + 1] > found[2 * i] ? found[2 * i + 1] : spans[i].start;
    }
    return PATTERN_MATCHES;
}

static const struct pattern_engine engine = {
    .type = "pcre",
    .open_delimiter = "ignoring this rule",
    .default_options = PCRE2_CASELESS | PCRE2_DOTALL,
    .toggle = toggle,
    .compile = compile,
    .free = release,
    .match = match,
};

static bool open_table(struct table *t, struct error *err)
{
    return pattern_table_open(t, &engine, err);
}

const struct table_type table_type_pcre = {
    .name = "pcre",
    .traits = TABLE_IS_PATTERN,
    .open = open_table,
    .close = pattern_table_close,
    .find = pattern_table_find,
};
