// pattern_rules: the rule language of regexp and pcre tables: /pattern/flags result, !, if
// and endif, $1 in results.
#include "table/pattern_rules.h"
#include "table/source_line.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>

#define RESULT_MAX (1u << 20)

// A piece of a result: text, or (text.ptr NULL) a group.
struct piece {
    struct str text;
    size_t group;
};

enum rule_kind { RULE_RESULT, RULE_IF, RULE_ENDIF };

struct rule {
    enum rule_kind kind;
    bool negated;
    int line;
    void *expression;
    size_t highest_group; // that the result names
    struct piece *pieces;
    size_t pieces_len;
    size_t end; // RULE_IF: index of its ENDIF, or the number of rules
};

struct pattern_table {
    const struct pattern_engine *engine;
    struct arena *arena;
    struct rule *rules;
    size_t len, room;
    const char *origin;
};

struct parser {
    struct table *t;
    struct pattern_table *p;
    int line;
};

static void complain(const struct parser *ps, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void complain(const struct parser *ps, const char *fmt, ...)
{
    struct arena *scratch = arena_new();
    va_list args;

    va_start(args, fmt);
    log_warn("%s map %s, line %d: %s", ps->p->engine->type, ps->p->origin, ps->line,
             arena_vprintf(scratch, fmt, args));
    va_end(args);
    arena_free(scratch);
}

static struct rule *rule_add(struct parser *ps, enum rule_kind kind)
{
    struct pattern_table *p = ps->p;

    if (p->len == p->room) {
        p->room = p->room == 0 ? 16 : 2 * p->room;
        p->rules = mem_realloc(p->rules, p->room * sizeof(*p->rules));
    }
    p->rules[p->len] = (struct rule){.kind = kind, .line = ps->line};
    return &p->rules[p->len++];
}

// ---- results
// -------------------------------------------------------------------------------

// Takes a macro's name behind its '$': "1", "{1}", "(1)". False when a bracket is not
// closed.
static bool take_name(struct str *rest, struct str *name)
{
    size_t len = 0;
    char close = rest->len == 0        ? '\0'
                 : rest->ptr[0] == '{' ? '}'
                 : rest->ptr[0] == '(' ? ')'
                                       : '\0';

    if (close != '\0') {
        len = str_index(*rest, close);
        if (len == SIZE_MAX)
            return false;
        *name = str_sub(*rest, 1, len - 1);
        *rest = str_from(*rest, len + 1);
        return true;
    }
    while (len < rest->len && (ascii_is_alnum(rest->ptr[len]) || rest->ptr[len] == '_'))
        len++;
    *name = str_sub(*rest, 0, len);
    *rest = str_from(*rest, len);
    return true;
}

// The text that the next piece is: up to a '$', or one literal '$' of "$$".
static bool take_text(struct str *rest, struct str *text)
{
    size_t len = str_index(*rest, '$');

    if (len == 0 && rest->len > 1 && rest->ptr[1] == '$') {
        *text = str_sub(*rest, 0, 1);
        *rest = str_from(*rest, 2);
        return true;
    }
    if (len == 0)
        return false;
    *text = str_sub(*rest, 0, len);
    *rest = str_from(*rest, text->len);
    return true;
}

static bool parse_group(const struct parser *ps, struct str name, size_t *group)
{
    uint64_t number;

    if (!str_to_u64(name, &number)) {
        complain(ps, "non-numeric replacement index \"%.*s\"", STR_FMT(name));
        complain(ps, "bad replacement syntax: skipping this rule");
        return false;
    }
    if (number < 1 || number >= PATTERN_GROUPS_MAX) {
        complain(ps, "out of range replacement index \"%.*s\": skipping this rule",
                 STR_FMT(name));
        return false;
    }
    *group = (size_t)number;
    return true;
}

// Splits a result into pieces. False for a syntax error, which is logged.
static bool parse_result(const struct parser *ps, struct str result, struct rule *rule)
{
    struct str rest = result, name;
    size_t dollars = 0;

    for (size_t i = 0; i < result.len; i++)
        dollars += result.ptr[i] == '$';
    rule->pieces = arena_array(ps->p->arena, 2 * dollars + 1, sizeof(*rule->pieces));
    while (rest.len > 0) {
        struct piece *piece = &rule->pieces[rule->pieces_len];

        if (take_text(&rest, &piece->text)) {
            rule->pieces_len++;
            continue;
        }
        rest = str_from(rest, 1);
        if (!take_name(&rest, &name) || name.len == 0) {
            log_warn("%s: \"%.*s\"",
                     rest.len > 0 && str_has_char(STR_LIT("{("), rest.ptr[0])
                         ? "truncated macro reference"
                         : "empty macro name",
                     STR_FMT(result));
            complain(ps, "bad replacement syntax: skipping this rule");
            return false;
        }
        piece->text = str_n(NULL, 0);
        if (!parse_group(ps, name, &piece->group))
            return false;
        if (piece->group > rule->highest_group)
            rule->highest_group = piece->group;
        rule->pieces_len++;
    }
    return true;
}

// ---- patterns
// ------------------------------------------------------------------------------

struct pattern {
    struct str text;
    unsigned options;
    bool negated;
};

static bool toggle_options(const struct parser *ps, struct str *rest, unsigned *options)
{
    while (rest->len > 0 && !ascii_is_space(rest->ptr[0]) && rest->ptr[0] != '!') {
        char letter = rest->ptr[0];
        enum pattern_option known = ps->p->engine->toggle(options, letter);

        if (known == PATTERN_OPTION_UNKNOWN) {
            complain(ps, "unknown regexp option \"%c\": skipping this rule", letter);
            return false;
        }
        if (known == PATTERN_OPTION_OBSOLETE)
            complain(ps, "ignoring obsolete regexp option \"%c\"", letter);
        *rest = str_from(*rest, 1);
    }
    return true;
}

// Takes "!/pattern/flags".
static bool take_pattern(const struct parser *ps, struct str *rest, struct pattern *pattern)
{
    size_t end = 1;

    pattern->negated = false;
    *rest = str_trim_left(*rest);
    while (rest->len > 0 && (rest->ptr[0] == '!' || ascii_is_space(rest->ptr[0]))) {
        pattern->negated ^= rest->ptr[0] == '!';
        *rest = str_from(*rest, 1);
    }
    if (rest->len == 0) {
        complain(ps, "no regexp: skipping this rule");
        return false;
    }
    while (end < rest->len && rest->ptr[end] != rest->ptr[0])
        end += rest->ptr[end] == '\\' && end + 1 < rest->len ? 2 : 1;
    if (end >= rest->len) {
        complain(ps, "no closing regexp delimiter \"%c\": %s", rest->ptr[0],
                 ps->p->engine->open_delimiter);
        return false;
    }
    pattern->text = str_sub(*rest, 1, end - 1);
    *rest = str_from(*rest, end + 1);
    pattern->options = ps->p->engine->default_options;
    return toggle_options(ps, rest, &pattern->options);
}

static void *compile(const struct parser *ps, const struct pattern *pattern,
                     bool wants_groups, size_t *groups)
{
    struct arena *scratch = arena_new();
    struct error err;
    void *expression = ps->p->engine->compile(ps->t, arena_text(scratch, pattern->text),
                                              pattern->options, wants_groups, groups, &err);

    if (expression == NULL)
        complain(ps, "%s", err.text);
    arena_free(scratch);
    return expression;
}

// ---- statements
// ----------------------------------------------------------------------------

static void parse_rule(struct parser *ps, struct str rest)
{
    struct pattern pattern;
    struct rule rule = {.kind = RULE_RESULT, .line = ps->line};
    size_t groups = 0;

    if (!take_pattern(ps, &rest, &pattern))
        return;
    rest = str_trim(rest);
    if (rest.len == 0)
        complain(ps, "no replacement text: using empty string");
    rule.negated = pattern.negated;
    if (!parse_result(ps, arena_str(ps->p->arena, rest), &rule))
        return;
    if (rule.highest_group > 0 && rule.negated) {
        complain(ps,
                 "$number found in negative match replacement text: skipping this rule");
        return;
    }
    if (rule.highest_group > 0 && table_refuses_substitution(ps->t)) {
        complain(ps, "regular expression substitution is not allowed: skipping this rule");
        return;
    }
    rule.expression = compile(ps, &pattern, rule.highest_group > 0, &groups);
    if (rule.expression == NULL)
        return;
    if (rule.highest_group > groups) {
        complain(ps, "out of range replacement index \"%d\": skipping this rule",
                 (int)rule.highest_group);
        ps->p->engine->free(rule.expression);
        return;
    }
    *rule_add(ps, RULE_RESULT) = rule;
}

static void parse_if(struct parser *ps, struct str rest)
{
    struct pattern pattern;
    size_t groups;
    void *expression;

    if (!take_pattern(ps, &rest, &pattern))
        return;
    rest = str_trim(rest);
    if (rest.len > 0) {
        complain(ps, "ignoring extra text after IF statement: \"%.*s\"", STR_FMT(rest));
        complain(ps, "do not prepend whitespace to statements between IF and ENDIF");
    }
    expression = compile(ps, &pattern, false, &groups);
    if (expression == NULL)
        return;
    struct rule *rule = rule_add(ps, RULE_IF);

    rule->expression = expression;
    rule->negated = pattern.negated;
}

// The IF that is still open at the end of what was read; NULL when there is none.
static struct rule *open_if(struct pattern_table *p)
{
    for (size_t i = p->len; i > 0; i--)
        if (p->rules[i - 1].kind == RULE_IF && p->rules[i - 1].end == 0)
            return &p->rules[i - 1];
    return NULL;
}

static void parse_endif(struct parser *ps, struct str rest)
{
    struct rule *begin = open_if(ps->p);

    if (begin == NULL) {
        complain(ps, "ignoring ENDIF without matching IF");
        return;
    }
    if (str_trim(rest).len > 0)
        complain(ps, "ignoring extra text after ENDIF");
    begin->end = ps->p->len;
    rule_add(ps, RULE_ENDIF);
}

static bool is_word(struct str s, const char *word)
{
    size_t len = strlen(word);

    return str_starts_nocase(s, word) && (s.len == len || !ascii_is_alnum(s.ptr[len]));
}

static void parse_statement(struct parser *ps, struct str line)
{
    if (is_word(line, "if"))
        parse_if(ps, str_from(line, 2));
    else if (is_word(line, "endif"))
        parse_endif(ps, str_from(line, 5));
    else if (ascii_is_alnum(line.ptr[0]))
        complain(ps, "ignoring unrecognized request");
    else
        parse_rule(ps, line);
}

static void close_ifs(struct parser *ps)
{
    struct rule *begin;

    while ((begin = open_if(ps->p)) != NULL) {
        ps->line = begin->line;
        complain(ps, "IF has no matching ENDIF");
        begin->end = ps->p->len;
    }
}

bool pattern_table_open(struct table *t, const struct pattern_engine *engine,
                        struct error *err)
{
    struct arena *arena = arena_new(), *scratch = arena_new();
    struct pattern_table *p;
    struct parser ps = {.t = t};
    struct source src = {.arena = scratch, .origin = t->name};
    struct str text, line;

    if (!table_read_source(t, scratch, false, &text, err)) {
        arena_free(scratch);
        arena_free(arena);
        return false;
    }
    p = ARENA_NEW(arena, struct pattern_table);
    p->arena = arena;
    p->engine = engine;
    p->origin = t->name;
    ps.p = p;
    src.lines.rest = text;
    while (source_next_line(&src, &line, &ps.line))
        parse_statement(&ps, line);
    close_ifs(&ps);
    arena_free(scratch);
    t->state = p;
    return true;
}

void pattern_table_close(struct table *t)
{
    struct pattern_table *p = t->state;

    for (size_t i = 0; i < p->len; i++)
        if (p->rules[i].expression != NULL)
            p->engine->free(p->rules[i].expression);
    free(p->rules);
    arena_free(p->arena);
    t->state = NULL;
}

// ---- look-ups
// ------------------------------------------------------------------------------

static const char *expand(struct arena *arena, const struct rule *rule, const char *key,
                          const struct pattern_span *spans)
{
    struct buf *result;

    if (rule->pieces_len == 0)
        return "";
    result = buf_make(arena, RESULT_MAX);
    for (size_t i = 0; i < rule->pieces_len; i++) {
        const struct piece *piece = &rule->pieces[i];
        const struct pattern_span *span = &spans[piece->group];

        if (piece->text.ptr != NULL) {
            if (!buf_append(result, piece->text))
                return NULL;
        } else if (span->start != SIZE_MAX) {
            if (!buf_append(result, str_n(key + span->start, span->end - span->start)))
                return NULL;
        }
    }
    return buf_text(result);
}

// A pattern that cannot be decided (a limit was hit) is logged and neither matches nor
// differs.
static bool applies(const struct pattern_table *p, const struct rule *rule, struct str key,
                    struct pattern_span *spans)
{
    struct error err;

    switch (p->engine->match(rule->expression, key, spans, rule->highest_group, &err)) {
    case PATTERN_MATCHES:
        return !rule->negated;
    case PATTERN_DIFFERS:
        return rule->negated;
    case PATTERN_FAILS:
        break;
    }
    log_warn("%s map %s, line %d: %s", p->engine->type, p->origin, rule->line, err.text);
    return false;
}

enum table_result pattern_table_find(struct table *t, struct arena *arena, const char *key,
                                     const char **value, struct error *err)
{
    const struct pattern_table *p = t->state;
    struct pattern_span spans[PATTERN_GROUPS_MAX];
    struct str subject = str_c(key);

    for (size_t i = 0; i < p->len; i++) {
        const struct rule *rule = &p->rules[i];

        if (rule->kind == RULE_ENDIF)
            continue;
        bool hit = applies(p, rule, subject, spans);
        if (rule->kind == RULE_IF && !hit)
            i = rule->end;
        if (rule->kind != RULE_RESULT || !hit)
            continue;
        *value = expand(arena, rule, key, spans);
        if (*value != NULL)
            return TABLE_FOUND;
        error_temp(err, "4.3.0", "table %s: result for \"%s\" is too long", t->spec, key);
        return TABLE_FAILED;
    }
    return TABLE_NOT_FOUND;
}
