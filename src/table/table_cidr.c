// table_cidr: network patterns; the first rule that has the address wins.
#include "table/network.h"
#include "table/source_line.h"
#include "table/table_type.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>

enum rule_kind { RULE_RESULT, RULE_IF, RULE_ENDIF };

struct rule {
    enum rule_kind kind;
    bool negated;
    int line;
    struct network net;
    const char *result;
    size_t end; // RULE_IF: index of its ENDIF, or the number of rules
};

struct cidr {
    struct arena *arena;
    const char *origin;
    struct rule *rules;
    size_t len, room;
};

static bool complain(const struct cidr *c, int line, const char *what)
{
    log_warn("cidr map %s, line %d: %s: skipping this rule", c->origin, line, what);
    return false;
}

static void rule_add(struct cidr *c, const struct rule *rule)
{
    if (c->len == c->room) {
        c->room = c->room == 0 ? 16 : 2 * c->room;
        c->rules = mem_realloc(c->rules, c->room * sizeof(*c->rules));
    }
    c->rules[c->len++] = *rule;
}

// "!network".
static bool parse_pattern(const struct cidr *c, struct str text, struct rule *rule)
{
    struct error err;

    while (text.len > 0 && (text.ptr[0] == '!' || ascii_is_space(text.ptr[0]))) {
        rule->negated ^= text.ptr[0] == '!';
        text = str_from(text, 1);
    }
    if (text.len == 0)
        return complain(c, rule->line, "no address pattern");
    return network_parse(text, &rule->net, &err) || complain(c, rule->line, err.text);
}

static struct rule *open_if(struct cidr *c)
{
    for (size_t i = c->len; i > 0; i--)
        if (c->rules[i - 1].kind == RULE_IF && c->rules[i - 1].end == 0)
            return &c->rules[i - 1];
    return NULL;
}

static void parse_endif(struct cidr *c, struct str rest, int line)
{
    struct rule *begin = open_if(c);
    struct rule rule = {.kind = RULE_ENDIF, .line = line};

    if (begin == NULL) {
        complain(c, line, "ENDIF without IF");
        return;
    }
    if (str_trim(rest).len > 0) {
        complain(c, line, "garbage after ENDIF");
        return;
    }
    begin->end = c->len;
    rule_add(c, &rule);
}

static bool is_word(struct str s, const char *word)
{
    size_t len = strlen(word);

    return str_starts_nocase(s, word) &&
           (s.len == len || s.ptr[len] == '!' || ascii_is_space(s.ptr[len]));
}

static void parse_rule(struct cidr *c, struct str line, struct rule *rule)
{
    size_t end = 0;

    // White space between '!' and the pattern is no end of the pattern.
    while (end < line.len && (line.ptr[end] == '!' || ascii_is_space(line.ptr[end])))
        end++;
    while (end < line.len && !ascii_is_space(line.ptr[end]))
        end++;
    struct str result = str_trim(str_from(line, end));

    if (!parse_pattern(c, str_sub(line, 0, end), rule))
        return;
    if (result.len == 0) {
        complain(c, rule->line, "no lookup result");
        return;
    }
    rule->result = arena_text(c->arena, result);
    rule_add(c, rule);
}

static void parse_statement(struct cidr *c, struct str line, int number)
{
    struct rule rule = {.kind = RULE_RESULT, .line = number};

    if (is_word(line, "endif")) {
        parse_endif(c, str_from(line, 5), number);
    } else if (is_word(line, "if")) {
        rule.kind = RULE_IF;
        if (parse_pattern(c, str_trim(str_from(line, 2)), &rule))
            rule_add(c, &rule);
    } else {
        parse_rule(c, line, &rule);
    }
}

static bool cidr_open(struct table *t, struct error *err)
{
    struct arena *arena = arena_new(), *scratch = arena_new();
    struct source src = {.arena = scratch, .origin = t->name};
    struct cidr *c;
    struct rule *begin;
    struct str line;
    int number;

    if (!table_read_source(t, scratch, false, &src.lines.rest, err)) {
        arena_free(scratch);
        arena_free(arena);
        return false;
    }
    c = ARENA_NEW(arena, struct cidr);
    c->arena = arena;
    c->origin = t->name;
    while (source_next_line(&src, &line, &number))
        parse_statement(c, line, number);
    while ((begin = open_if(c)) != NULL) {
        log_warn("cidr map %s, line %d: IF has no matching ENDIF", c->origin, begin->line);
        begin->end = c->len;
    }
    arena_free(scratch);
    t->state = c;
    return true;
}

static void cidr_close(struct table *t)
{
    struct cidr *c = t->state;

    free(c->rules);
    arena_free(c->arena);
    t->state = NULL;
}

// An address of the other family meets neither a pattern nor its negation.
static bool applies(const struct rule *rule, const struct network *address)
{
    return rule->net.family == address->family &&
           network_has(&rule->net, address) != rule->negated;
}

static enum table_result cidr_find(struct table *t, struct arena *arena, const char *key,
                                   const char **value, struct error *err)
{
    const struct cidr *c = t->state;
    struct network address;

    (void)err;
    if (!network_parse_address(str_c(key), &address))
        return TABLE_NOT_FOUND;
    for (size_t i = 0; i < c->len; i++) {
        const struct rule *rule = &c->rules[i];

        if (rule->kind == RULE_ENDIF)
            continue;
        bool hit = applies(rule, &address);
        if (rule->kind == RULE_IF && !hit)
            i = rule->end;
        if (rule->kind == RULE_RESULT && hit) {
            *value = arena_strdup(arena, rule->result);
            return TABLE_FOUND;
        }
    }
    return TABLE_NOT_FOUND;
}

const struct table_type table_type_cidr = {
    .name = "cidr",
    .traits = TABLE_IS_PATTERN,
    .open = cidr_open,
    .close = cidr_close,
    .find = cidr_find,
};
