// checks: header_checks(5) and body_checks: one line against a table, and what it decides.
#include "cleanup/checks.h"
#include "cleanup/header.h"
#include "cleanup/rcpts.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>
#include <strings.h>

// Of the offending line, for the log.
#define SHOWN_MAX 200u

void check_log(struct msg *m, const char *action, const char *what, struct str line,
               const char *reason)
{
    const char *origin = msg_attr(m, "log_message_origin");
    const char *proto = msg_attr(m, "log_protocol_name"),
               *helo = msg_attr(m, "log_helo_name");
    struct arena *a = m->arena;

    log_info("%s: %s: %s %s from %s; from=<%s>%s%s%s%s%s%s%s", m->id, action, what,
             header_unfold(a, line, SHOWN_MAX), origin[0] != 0 ? origin : "local",
             msg_log_address(m, m->sender),
             m->last_rcpt == NULL
                 ? ""
                 : arena_printf(a, " to=<%s>", msg_log_address(m, m->last_rcpt)),
             proto[0] != 0 ? " proto=" : "", proto, helo[0] != 0 ? " helo=<" : "", helo,
             helo[0] != 0 ? ">" : "",
             reason[0] != 0 ? arena_printf(a, ": %s", reason) : "");
}

struct action {
    struct msg *m;
    const struct check *check;
    struct check_outcome *outcome;
    const char *text; // behind the action's name
};

static void log_action(const struct action *a, const char *name, const char *text)
{
    check_log(a->m, name, a->check->is_header ? "header" : "body", a->check->line, text);
}

// True when `text` begins with an enhanced status code "N.N.N".
static size_t status_length(const char *text)
{
    size_t i = 0;

    if (text[0] != '4' && text[0] != '5')
        return 0;
    for (int part = 0; part < 3; part++) {
        size_t digits = 0;

        while (ascii_is_digit(text[i + digits]))
            digits++;
        if (digits == 0 || digits > 3)
            return 0;
        i += digits;
        if (part < 2 && text[i++] != '.')
            return 0;
    }
    return text[i] == 0 || ascii_is_space(text[i]) ? i : 0;
}

static void do_reject(const struct action *a)
{
    const char *text = a->text[0] != 0 ? a->text : "message content rejected";
    const char *reason =
        status_length(text) > 0 ? text : arena_printf(a->m->arena, "5.7.1 %s", text);

    log_action(a, "reject", reason);
    msg_fail(a->m, reason[0] == '4' ? CLEANUP_DEFERRED : CLEANUP_REJECTED, reason);
    a->outcome->result = CHECK_FAILED;
}

static void do_warn(const struct action *a)
{
    log_action(a, "warning", a->text);
}

static void do_info(const struct action *a)
{
    log_action(a, "info", a->text);
}

static void do_filter(const struct action *a)
{
    struct str rest = str_c(a->text), transport;

    if (!str_split(&rest, ':', &transport) || rest.ptr == NULL || transport.len == 0) {
        log_warn("%s: bad FILTER command: \"%s\" -- need transport:destination",
                 maps_title(a->check->maps), a->text);
        return;
    }
    a->m->filter = arena_strdup(a->m->arena, a->text);
    log_action(a, "filter", a->text);
}

static void do_redirect(const struct action *a)
{
    if (strchr(a->text, '@') == NULL) {
        log_warn("%s: bad REDIRECT target \"%s\", need user@domain",
                 maps_title(a->check->maps), a->text);
        return;
    }
    a->m->redirect = arena_strdup(a->m->arena, a->text);
    log_action(a, "redirect", a->text);
    // compat: what decides about the whole message ends its checks.
    a->m->env.flags &= ~(int64_t)CLEANUP_FILTER;
}

static void do_hold(const struct action *a)
{
    if (!a->m->hold)
        log_action(a, "hold", a->text);
    a->m->hold = true;
}

static void do_discard(const struct action *a)
{
    log_action(a, "discard", a->text);
    a->m->discard = true;
    a->m->env.flags &= ~(int64_t)CLEANUP_FILTER;
}

static void do_bcc(const struct action *a)
{
    if (strchr(a->text, '@') == NULL) {
        log_warn("%s: bad BCC address \"%s\", need user@domain", maps_title(a->check->maps),
                 a->text);
        return;
    }
    log_action(a, "bcc", a->text);
    rcpts_note_bcc(a->m, a->text);
}

static void do_prepend(const struct action *a)
{
    struct str rest = str_c(a->text);
    struct header h;

    if (a->text[0] == 0) {
        log_warn("%s: PREPEND action without text", maps_title(a->check->maps));
        return;
    }
    if (a->check->is_header && header_take(&rest, &h) != HEADER_FIELD) {
        log_warn("%s: bad PREPEND header text \"%s\" -- need \"headername: headervalue\"",
                 maps_title(a->check->maps), a->text);
        return;
    }
    log_action(a, "prepend", a->text);
    a->outcome->prepend = arena_alloc(a->m->arena, sizeof(*a->outcome->prepend));
    a->outcome->prepend[0] = a->text;
    a->outcome->prepend_len = 1;
}

static void do_replace(const struct action *a)
{
    struct str rest = str_c(a->text);
    struct header h;

    if (a->text[0] == 0 ||
        (a->check->is_header && header_take(&rest, &h) != HEADER_FIELD)) {
        log_warn("%s: bad REPLACE text \"%s\"", maps_title(a->check->maps), a->text);
        return;
    }
    log_action(a, "replace", a->text);
    a->outcome->result = CHECK_REPLACE;
    a->outcome->text = a->text;
}

static void do_strip(const struct action *a)
{
    log_action(a, "strip", a->text);
    a->outcome->result = CHECK_DROP;
}

static void do_ignore(const struct action *a)
{
    a->outcome->result = CHECK_DROP;
}

static void do_pass(const struct action *a)
{
    log_action(a, "pass", a->text);
    a->m->env.flags &= ~(int64_t)CLEANUP_FILTER;
}

static void do_nothing(const struct action *a)
{
    (void)a;
}

static const struct {
    const char *name;
    void (*run)(const struct action *a);
} actions[] = {
    {"BCC",      do_bcc     },
    {"DISCARD",  do_discard },
    {"DUNNO",    do_nothing },
    {"FILTER",   do_filter  },
    {"HOLD",     do_hold    },
    {"IGNORE",   do_ignore  },
    {"INFO",     do_info    },
    {"OK",       do_nothing },
    {"PASS",     do_pass    },
    {"PREPEND",  do_prepend },
    {"REDIRECT", do_redirect},
    {"REJECT",   do_reject  },
    {"REPLACE",  do_replace },
    {"STRIP",    do_strip   },
    {"WARN",     do_warn    },
};

void check_line(struct msg *m, const struct check *check, struct check_outcome *outcome)
{
    const char *value;
    struct error err;

    *outcome = (struct check_outcome){.result = CHECK_KEEP};
    if (!(m->env.flags & CLEANUP_FILTER) || maps_is_empty(check->maps))
        return;
    const char *key = arena_text(m->arena, check->line);
    enum table_result result = maps_find(check->maps, m->arena, key, 0, &value, &err);

    if (result == TABLE_NOT_FOUND)
        return;
    if (result == TABLE_FAILED) {
        log_warn("%s: %s map lookup problem -- message not accepted, try again later",
                 m->id, maps_title(check->maps));
        msg_fail(m, CLEANUP_WRITE_ERROR, "");
        outcome->result = CHECK_FAILED;
        return;
    }
    struct str rest = str_trim(str_c(value)), word;

    if (!str_take(&rest, " \t", &word))
        return;
    struct action a = {m, check, outcome, arena_text(m->arena, str_trim(rest))};

    for (size_t i = 0; i < COUNT(actions); i++) {
        if (str_is_nocase(word, actions[i].name)) {
            actions[i].run(&a);
            return;
        }
    }
    log_warn("unknown command in %s map: %s", maps_title(check->maps), value);
}
