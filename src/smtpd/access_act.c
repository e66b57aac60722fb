// access_act: the actions that access(5) tables and policy servers can ask for.
#include "smtpd/rules.h"
#include "smtpd/smtpd_log.h"
#include "util/log.h"
#include "util/text.h"

// The action being carried out.
struct act {
    struct check *c;
    enum subject subject;
    const char *value;  // "<value>: CLASS ..."
    const char *source; // table or server, for messages
    const char *text;   // behind the action's name
};

static const char *worded(const struct act *a, const char *middle, const char *text)
{
    return arena_printf(a->c->s->msg_arena, "<%s>: %s %s%s", a->value,
                        subject_class(a->subject), middle, text);
}

static void log_act(const struct act *a, const char *what, const char *text)
{
    smtpd_log_verdict(a->c->s, what, a->c->where, a->c->recipient, text);
}

// An enhanced status code at the start of the text replaces `dsn`.
static const char *split_dsn(const struct act *a, const char *dsn, const char **text)
{
    const char *p = *text;
    size_t detail;

    if (p[0] == '\0' || strchr("245", p[0]) == NULL || p[1] != '.')
        return dsn;
    size_t subject = strspn(p + 2, "0123456789");

    if (subject < 1 || subject > 3 || p[2 + subject] != '.')
        return dsn;
    detail = strspn(p + 3 + subject, "0123456789");
    size_t len = 3 + subject + detail;

    if (detail < 1 || detail > 3 || (p[len] != '\0' && !ascii_is_space(p[len])))
        return dsn;
    *text += len;
    while (ascii_is_space(**text))
        (*text)++;
    return arena_text(a->c->s->msg_arena, str_n(p, len));
}

struct refusal {
    long code;
    const char *dsn, *text;
};

static struct refusal refusal_of(const struct act *a, long code, const char *dsn,
                                 const char *default_text)
{
    struct refusal f = {.code = code, .text = a->text};

    f.dsn = split_dsn(a, dsn, &f.text);
    if (f.text[0] == '\0')
        f.text = default_text;
    return f;
}

static struct verdict refuse(const struct act *a, struct refusal f)
{
    return reject_with(a->c, a->subject, f.code, f.dsn, "%s",
                       worded(a, "rejected: ", f.text));
}

static struct verdict act_ok(const struct act *a)
{
    (void)a;
    return PERMIT;
}

static struct verdict act_dunno(const struct act *a)
{
    (void)a;
    return DUNNO;
}

static struct verdict act_reject(const struct act *a)
{
    return refuse(
        a, refusal_of(a, a->c->s->cfg->access_map_reject_code, "5.7.1", "Access denied"));
}

static struct verdict act_defer(const struct act *a)
{
    return refuse(
        a, refusal_of(a, a->c->s->cfg->access_map_defer_code, "4.7.1", "Access denied"));
}

static struct verdict act_defer_if_permit(const struct act *a)
{
    struct refusal f =
        refusal_of(a, a->c->s->cfg->access_map_defer_code, "4.7.1", "Service unavailable");

    return defer_if_permit(a->c, a->subject, f.code, f.dsn, "%s",
                           worded(a, "rejected: ", f.text));
}

static struct verdict act_defer_if_reject(const struct act *a)
{
    struct refusal f =
        refusal_of(a, a->c->s->cfg->access_map_defer_code, "4.7.1", "Service unavailable");

    return defer_if_reject(a->c, a->subject, f.code, f.dsn, "%s",
                           worded(a, "rejected: ", f.text));
}

static struct verdict act_hangup(const struct act *a)
{
    log_act(a, "hangup", worded(a, a->text, ""));
    a->c->s->hang_up = true;
    return DUNNO;
}

static struct verdict act_info(const struct act *a)
{
    log_act(a, "info", a->text);
    return DUNNO;
}

static struct verdict act_warn(const struct act *a)
{
    log_act(a, "warn", a->text);
    return DUNNO;
}

static struct verdict act_hold(const struct act *a)
{
    log_act(a, "hold",
            worded(a, a->text[0] != '\0' ? a->text : "triggers HOLD action", ""));
    a->c->s->msg.hold = a->text[0] != '\0' ? a->text : "HOLD action";
    return DUNNO;
}

static struct verdict act_discard(const struct act *a)
{
    log_act(a, "discard",
            worded(a, a->text[0] != '\0' ? a->text : "triggers DISCARD action", ""));
    a->c->s->msg.discard = "DISCARD action";
    return DUNNO;
}

static bool has_target(const struct act *a)
{
    if (strchr(a->text, '@') != NULL)
        return true;
    log_warn("access table %s entry \"%s\" requires user@domain target", a->source,
             a->value);
    return false;
}

static struct verdict act_filter(const struct act *a)
{
    if (a->text[0] == '\0') {
        log_warn("access table %s entry \"%s\" has FILTER entry without value", a->source,
                 a->value);
        return DUNNO;
    }
    if (strchr(a->text, ':') == NULL) {
        log_warn("access table %s entry \"%s\" requires transport:destination", a->source,
                 a->value);
        return DUNNO;
    }
    log_act(a, "filter", worded(a, "triggers FILTER ", a->text));
    a->c->s->msg.filter = a->text;
    return DUNNO;
}

static struct verdict act_redirect(const struct act *a)
{
    if (!has_target(a))
        return DUNNO;
    log_act(a, "redirect", worded(a, "triggers REDIRECT ", a->text));
    a->c->s->msg.redirect = a->text;
    return DUNNO;
}

static struct verdict act_bcc(const struct act *a)
{
    struct message *msg = &a->c->s->msg;

    if (!has_target(a))
        return DUNNO;
    log_act(a, "bcc", worded(a, "triggers BCC ", a->text));
    struct cleanup_attr *list =
        arena_array(a->c->s->msg_arena, msg->bcc_len + 1, sizeof(*list));

    if (msg->bcc_len > 0)
        memcpy(list, msg->bcc, msg->bcc_len * sizeof(*list));
    list[msg->bcc_len++] = (struct cleanup_attr){.name = "", .value = a->text};
    msg->bcc = list;
    return DUNNO;
}

static struct verdict act_prepend(const struct act *a)
{
    struct message *msg = &a->c->s->msg;

    if (a->c->stage == STAGE_END_OF_DATA) {
        log_warn("access table %s: action PREPEND must be used before the message content",
                 a->source);
        return DUNNO;
    }
    if (strchr(a->text, ':') == NULL) {
        log_warn("access table %s entry \"%s\" requires header: text", a->source, a->value);
        return DUNNO;
    }
    const char **list =
        arena_array(a->c->s->msg_arena, msg->prepend_len + 1, sizeof(*list));

    if (msg->prepend_len > 0)
        memcpy(list, msg->prepend, msg->prepend_len * sizeof(*list));
    list[msg->prepend_len++] = a->text;
    msg->prepend = list;
    return DUNNO;
}

static const struct action {
    const char *name;
    struct verdict (*run)(const struct act *a);
    bool about_message; // says what becomes of the message at hand
} actions[] = {
    {"OK",              act_ok,              false},
    {"RELAY",           act_ok,              false},
    {"DUNNO",           act_dunno,           false},
    {"REJECT",          act_reject,          false},
    {"DEFER",           act_defer,           false},
    {"DEFER_IF_PERMIT", act_defer_if_permit, false},
    {"DEFER_IF_REJECT", act_defer_if_reject, false},
    {"HANGUP",          act_hangup,          false},
    {"INFO",            act_info,            false},
    {"WARN",            act_warn,            false},
    {"HOLD",            act_hold,            true },
    {"DISCARD",         act_discard,         true },
    {"FILTER",          act_filter,          true },
    {"REDIRECT",        act_redirect,        true },
    {"BCC",             act_bcc,             true },
    {"PREPEND",         act_prepend,         true },
};

// Where no message can be at hand, there is nothing that such an action could change.
static bool is_available(const struct act *a, const char *name)
{
    const struct session *s = a->c->s;

    if (strcmp(a->c->where, "ETRN") == 0 || strcmp(a->c->where, "VRFY") == 0) {
        log_warn("access table %s: action %s is unavailable in %s", a->source, name,
                 a->c->where);
        return false;
    }
    if (!s->cfg->smtpd_delay_reject &&
        (a->c->stage == STAGE_CLIENT || a->c->stage == STAGE_HELO)) {
        log_warn("access table %s: with smtpd_delay_reject=no specified, action %s is "
                 "unavailable",
                 a->source, name);
        return false;
    }
    return true;
}

static struct verdict act_list(const struct act *a, const char *text)
{
    struct rules_context ctx = {
        .arena = a->c->s->msg_arena, .cfg = a->c->s->cfg, .title = a->source};

    rules_context_add_classes(&ctx, a->c->s->server);
    return rules_judge(rules_parse(&ctx, text, a->c->stage), a->c);
}

struct verdict access_act(struct check *c, enum subject subject, const char *value,
                          const char *source, const char *action)
{
    struct str rest = str_trim(str_c(action)), word, whole = rest;
    struct act a = {.c = c, .subject = subject, .value = value, .source = source};

    if (!str_take(&rest, " \t\r\n", &word)) {
        log_warn("access table %s has an empty result for \"%s\"", source, value);
        return reject_config_error(c);
    }
    a.text = arena_text(c->s->msg_arena, str_trim(rest));
    for (size_t i = 0; i < COUNT(actions); i++) {
        if (!str_is_nocase(word, actions[i].name))
            continue;
        if (actions[i].about_message && !is_available(&a, actions[i].name))
            return DUNNO;
        return actions[i].run(&a);
    }
    uint64_t number;

    // Such as the time of a POP log-in.
    if (rest.len == 0 && str_to_u64(word, &number))
        return PERMIT;
    long code = 0;

    if (word.len == 3 && (word.ptr[0] == '4' || word.ptr[0] == '5') &&
        str_to_long(word, &code))
        return refuse(&a, refusal_of(&a, code, word.ptr[0] == '4' ? "4.7.1" : "5.7.1",
                                     "Access denied"));
    return act_list(&a, arena_text(c->s->msg_arena, whole));
}
