// rules_parse: from the text of a restriction list to rules, with everything checked once.
#include "smtpd/rules_judges.h"
#include "util/log.h"
#include "util/text.h"

#define RULES_DEPTH_MAX 10 // classes inside classes

static const struct restriction class_rule = {.name = "restriction class",
                                              .judge = judge_class};
static const struct restriction broken_rule = {.name = "broken", .judge = judge_broken};
// What a bare type:table means in each list.
static const char *const stage_access[] = {
    [STAGE_CLIENT] = "check_client_access",  [STAGE_HELO] = "check_helo_access",
    [STAGE_SENDER] = "check_sender_access",  [STAGE_RECIPIENT] = "check_recipient_access",
    [STAGE_DATA] = "check_recipient_access", [STAGE_END_OF_DATA] = "check_recipient_access",
    [STAGE_ETRN] = "check_etrn_access",
};

static const char *replacement_of(const char *name)
{
    if (strcmp(name, "reject_maps_rbl") == 0)
        return "reject_rbl_client domain-name";
    if (strcmp(name, "permit_naked_ip_address") == 0)
        return "permit_mynetworks or permit_sasl_authenticated";
    return "permit_mynetworks, reject_unauth_destination";
}

static struct rule broken(const char *arg)
{
    return (struct rule){.kind = &broken_rule, .arg = arg};
}

// Lists that an access(5) result names live no longer than the message.
static void close_maps(void *maps)
{
    maps_close(maps);
}

static struct rule table_rule(struct rules_context *ctx, const struct restriction *kind,
                              const char *arg)
{
    struct error err = {0};
    struct maps *maps =
        strchr(arg, ':') == NULL ? NULL : maps_open(kind->name, arg, TABLE_FOLD_KEY, &err);

    if (maps == NULL) {
        log_warn("restriction %s: bad argument \"%s\": need maptype:mapname%s%s",
                 kind->name, arg, err.text[0] != '\0' ? ": " : "", err.text);
        return broken(arg);
    }
    arena_on_reset(ctx->arena, close_maps, maps);
    return (struct rule){.kind = kind, .arg = arg, .maps = maps};
}

// A restriction with its argument from `rest`.
static struct rule named_rule(struct rules_context *ctx, const struct restriction *kind,
                              struct str *rest)
{
    struct rule rule = {.kind = kind};
    struct str arg = {0}, inner;
    struct error err = {0};

    if (kind->arg == ARG_NONE)
        return rule;
    if (!text_take_element(rest, &arg) || arg.ptr == NULL) {
        log_warn("restriction %s: missing argument in %s", kind->name, ctx->title);
        return broken(kind->name);
    }
    if (arg.ptr[0] == '{' && text_unbrace(arg, &inner) && kind->arg != ARG_POLICY)
        arg = inner;
    rule.arg = arena_text(ctx->arena, arg);
    switch (kind->arg) {
    case ARG_TABLE:
        return table_rule(ctx, kind, rule.arg);
    case ARG_DOMAIN:
        rule.rbl = rbl_parse(ctx->arena, rule.arg);
        if (rule.rbl == NULL) {
            log_warn("restriction %s: bad argument \"%s\": need domain[=pattern]",
                     kind->name, rule.arg);
            return broken(rule.arg);
        }
        break;
    case ARG_POLICY:
        rule.policy = policy_parse(ctx->arena, ctx->cfg, rule.arg, &err);
        if (rule.policy == NULL) {
            log_warn("policy service syntax error: %s", err.text);
            return broken(rule.arg);
        }
        break;
    case ARG_SECONDS:
        if (!str_to_long(str_c(rule.arg), &rule.seconds) || rule.seconds < 0) {
            log_warn("restriction %s: bad argument \"%s\": need seconds", kind->name,
                     rule.arg);
            return broken(rule.arg);
        }
        break;
    case ARG_NONE:
        break;
    }
    return rule;
}

static struct rule class_by_name(struct rules_context *ctx, const char *name,
                                 enum rule_stage stage)
{
    const char *text = ctx->class_text == NULL ? NULL : ctx->class_text(name, ctx->ctx);

    if (text == NULL || ctx->depth >= RULES_DEPTH_MAX) {
        log_warn(text == NULL ? "restriction class %s has no value"
                              : "restriction class %s is nested too deeply",
                 name);
        return broken(name);
    }
    struct rules_context inner = *ctx;

    inner.title = name;
    inner.depth++;
    return (struct rule){
        .kind = &class_rule, .arg = name, .list = rules_parse(&inner, text, stage)};
}

static struct rule parse_rule(struct rules_context *ctx, struct str word, struct str *rest,
                              enum rule_stage stage)
{
    const struct restriction *kind = restriction_find(word);
    const char *name = arena_text(ctx->arena, word);

    if (ctx->classes != NULL && text_list_has_nocase(ctx->classes, name))
        return class_by_name(ctx, name, stage);
    if (kind != NULL) {
        if (kind->judge == judge_removed)
            log_warn(
                "support for restriction \"%s\" has been removed from %s; instead, specify "
                "\"%s\"",
                kind->name, "Postfix", replacement_of(kind->name));
        return named_rule(ctx, kind, rest);
    }
    if (str_has_char(word, ':'))
        return table_rule(ctx, restriction_find(str_c(stage_access[stage])), name);
    log_warn("unknown smtpd restriction: \"%s\"", name);
    return broken(name);
}

struct rules *rules_parse(struct rules_context *ctx, const char *text,
                          enum rule_stage stage)
{
    struct rules *rules = ARENA_NEW(ctx->arena, struct rules);
    struct str rest = str_c(text), word;
    size_t room = 0;
    bool warn_only = false;

    while (text_take_element(&rest, &word)) {
        if (word.ptr == NULL) {
            log_warn("%s: missing '}' in \"%s\"", ctx->title, text);
            break;
        }
        if (word.ptr[0] == '{' && !text_unbrace(word, &word))
            continue;
        if (str_is_nocase(word, "warn_if_reject")) {
            warn_only = true;
            continue;
        }
        if (rules->len == room) {
            struct rule *items = arena_array(ctx->arena, room * 2 + 8, sizeof(*items));

            if (room > 0)
                memcpy(items, rules->items, room * sizeof(*items));
            rules->items = items;
            room = room * 2 + 8;
        }
        struct rule rule = parse_rule(ctx, word, &rest, stage);

        rule.warn_only = warn_only;
        warn_only = false;
        rules->items[rules->len++] = rule;
    }
    return rules;
}

bool rules_contain(const struct rules *rules, const char *name)
{
    for (size_t i = 0; rules != NULL && i < rules->len; i++) {
        const struct rule *r = &rules->items[i];

        if (strcmp(r->kind->name, name) == 0 ||
            (r->list != NULL && rules_contain(r->list, name)))
            return true;
    }
    return false;
}
