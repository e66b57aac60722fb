// bounce_template: the wording of delivery reports: built in, or from bounce_template_file.
#include "mail/bounce_template.h"
#include "util/file.h"
#include <stdio.h>
#include <string.h>

#define TEMPLATE_FILE_MAX (1u << 20)
#define BODY_MAX (1u << 20)

static const struct bounce_template built_in[BOUNCE_TEMPLATES] = {
    [BOUNCE_TEMPLATE_FAILURE] =
        {.name = "failure_template",
                                   .charset = "us-ascii",
                                   .from = "MAILER-DAEMON (Mail Delivery System)",
                                   .subject = "Undelivered Mail Returned to Sender",
                                   .postmaster_subject = "Postmaster Copy: Undelivered Mail",
                                   .body = "The mail server $myhostname writes this report.\n"
                 "\n"
                 "Your message did not reach everybody it was meant for, and the\n"
                 "server has given up. Below you find who did not get it and why,\n"
                 "followed by the message itself or its headers.\n"
                 "\n"
                 "If the reason does not help you, ask <postmaster> and send this\n"
                 "whole report along; your own text may be left out.\n"
                 "\n"
                 "                   The mail system\n"},
    [BOUNCE_TEMPLATE_DELAY] =
        {.name = "delay_template",
                                   .charset = "us-ascii",
                                   .from = "MAILER-DAEMON (Mail Delivery System)",
                                   .subject = "Delayed Mail (still being retried)",
                                   .postmaster_subject = "Postmaster Warning: Delayed Mail",
                                   .body =
             "The mail server $myhostname writes this report.\n"
             "\n"
             "*** Only a warning: there is no need to send the message again. ***\n"
             "\n"
             "Your message has been waiting for over $delay_warning_time_hours hour(s).\n"
             "The server keeps trying until it is $maximal_queue_lifetime_days day(s) "
             "old.\n"
             "\n"
             "If the reason below does not help you, ask <postmaster> and send\n"
             "this whole report along; your own text may be left out.\n"
             "\n"
             "                   The mail system\n"    },
    [BOUNCE_TEMPLATE_SUCCESS] =
        {.name = "success_template",
                                   .charset = "us-ascii",
                                   .from = "MAILER-DAEMON (Mail Delivery System)",
                                   .subject = "Successful Mail Delivery Report",
                                   .postmaster_subject = "",
                                   .body = "The mail server $myhostname writes this report.\n"
                 "\n"
                 "Your message was delivered as listed below. For mailboxes on this\n"
                 "server that is all you will hear. Where it went on to another\n"
                 "server, that one may still report trouble of its own.\n"
                 "\n"
                 "                   The mail system\n"},
    [BOUNCE_TEMPLATE_VERIFY] =
        {.name = "verify_template",
                                   .charset = "us-ascii",
                                   .from = "MAILER-DAEMON (Mail Delivery System)",
                                   .subject = "Mail Delivery Status Report",
                                   .postmaster_subject = "",
                                   .body = "The mail server $myhostname writes this report.\n"
                 "\n"
                 "You asked what becomes of mail to these recipients; here it is.\n"
                 "\n"
                 "                   The mail system\n"},
};

// ---- reading the file
// ----------------------------------------------------------------------

struct parsing {
    struct bounce_templates *templates;
    struct arena *arena;
    const char *path;
    struct str rest;
    int line_number;
    struct error *err;
};

static bool take_line(struct parsing *p, struct str *line)
{
    if (!str_take_line(&p->rest, line))
        return false;
    p->line_number++;
    return true;
}

static bool mistake(struct parsing *p, const char *what, struct str detail)
{
    return error_config(p->err, "%s, line %d: %s: \"%.*s\"", p->path, p->line_number, what,
                        detail.len > 100 ? 100 : (int)detail.len, detail.ptr);
}

// "Name: value" into the template.
static bool take_header(struct parsing *p, struct bounce_template *t, struct str line)
{
    const struct {
        const char *name;
        const char **value;
    } headers[] = {
        {"charset",            &t->charset           },
        {"from",               &t->from              },
        {"subject",            &t->subject           },
        {"postmaster-subject", &t->postmaster_subject},
    };
    size_t colon = str_index(line, ':');

    if (colon == SIZE_MAX || colon == 0)
        return mistake(p, "missing template header or empty line", line);
    struct str name = str_trim(str_sub(line, 0, colon));
    struct str value = str_trim(str_from(line, colon + 1));

    for (size_t i = 0; i < COUNT(headers); i++)
        if (str_is_nocase(name, headers[i].name)) {
            *headers[i].value = arena_text(p->arena, value);
            return true;
        }
    return mistake(p, "unknown template header", name);
}

// The lines up to `end_mark`: headers, an empty line, the body.
static bool take_template(struct parsing *p, struct bounce_template *t, struct str end_mark)
{
    struct bounce_template read = {.name = t->name,
                                   .charset = "us-ascii",
                                   .from = t->from,
                                   .subject = t->subject,
                                   .postmaster_subject = t->postmaster_subject};
    struct buf *body = buf_make(p->arena, TEMPLATE_FILE_MAX);
    struct str line;
    bool in_body = false;

    while (take_line(p, &line)) {
        if (str_equal(str_trim_right(line), end_mark)) {
            read.body = arena_text(p->arena, buf_view(body));
            *t = read;
            return true;
        }
        if (in_body) {
            buf_put(body, line);
            buf_put_c(body, "\n");
        } else if (str_trim(line).len == 0) {
            in_body = true;
        } else if (!take_header(p, &read, line)) {
            return false;
        }
    }
    return mistake(p, "missing end of template", end_mark);
}

static bool take_definition(struct parsing *p, struct str line)
{
    struct str name, value;

    if (!text_split_pair(line, &name, &value) || !str_starts(value, "<<"))
        return mistake(p, "expected NAME = <<MARK", line);
    struct str mark = str_trim(str_from(value, 2));

    if (mark.len == 0)
        return mistake(p, "expected NAME = <<MARK", line);
    for (size_t i = 0; i < BOUNCE_TEMPLATES; i++)
        if (str_is(name, p->templates->all[i].name))
            return take_template(p, &p->templates->all[i], mark);
    return mistake(p, "unknown template name", name);
}

bool bounce_templates_load(struct bounce_templates *templates, struct arena *arena,
                           const char *path, struct error *err)
{
    struct bounce_templates loaded;
    struct str text, line;

    memcpy(loaded.all, built_in, sizeof(built_in));
    if (*path != 0) {
        if (!file_read_all(arena, path, TEMPLATE_FILE_MAX, &text, err))
            return error_prefix(err, "bounce_template_file");
        if (!str_is_text(text))
            return error_config(err, "%s: NUL byte in text", path);
        struct parsing p = {
            .templates = &loaded, .arena = arena, .path = path, .rest = text, .err = err};

        while (take_line(&p, &line)) {
            struct str content = str_trim(line);

            if (content.len > 0 && content.ptr[0] != '#' && !take_definition(&p, content))
                return false;
        }
    }
    *templates = loaded;
    return true;
}

// ---- expanding
// -----------------------------------------------------------------------------

struct expansion {
    struct config *cfg;
    const struct bounce_spans *spans;
    struct arena *arena;
};

// "delay_warning_time_hours" and the like.
static const char *find_span(const struct expansion *x, const char *name)
{
    static const struct {
        const char *suffix;
        long seconds;
    } units[] = {
        {"_seconds", 1     },
        {"_minutes", 60    },
        {"_hours",   3600  },
        {"_days",    86400 },
        {"_weeks",   604800}
    };
    const struct {
        const char *name;
        struct duration span;
    } spans[] = {
        {"delay_warning_time",     x->spans->delay_warning_time    },
        {"maximal_queue_lifetime", x->spans->maximal_queue_lifetime}
    };

    for (size_t i = 0; i < COUNT(spans); i++) {
        size_t len = strlen(spans[i].name);

        if (strncmp(name, spans[i].name, len) != 0)
            continue;
        for (size_t u = 0; u < COUNT(units); u++)
            if (strcmp(name + len, units[u].suffix) == 0)
                return arena_printf(x->arena, "%ld",
                                    spans[i].span.seconds / units[u].seconds);
    }
    return NULL;
}

static const char *find(const char *name, void *ctx)
{
    const struct expansion *x = ctx;
    const char *span = find_span(x, name), *value = NULL;

    if (span != NULL)
        return span;
    const char *reference = arena_printf(x->arena, "${%s}", name);

    return config_expand(x->cfg, x->arena, reference, &value, NULL) ? value : NULL;
}

bool bounce_template_body(const struct bounce_template *t, struct config *cfg,
                          const struct bounce_spans *spans, struct arena *arena,
                          const char **body, struct error *err)
{
    struct expansion x = {cfg, spans, arena};

    return text_expand(arena, t->body, false, find, &x, body, err) ||
           error_prefix(err, "%s", t->name);
}

bool bounce_templates_print(const struct bounce_templates *templates, struct config *cfg,
                            const struct bounce_spans *spans, struct buf *out,
                            struct error *err)
{
    struct arena *arena = arena_new();
    bool good = true;

    for (size_t i = 0; i < BOUNCE_TEMPLATES && good; i++) {
        const struct bounce_template *t = &templates->all[i];
        const char *body = t->body;

        good = cfg == NULL || bounce_template_body(t, cfg, spans, arena, &body, err);
        if (!good)
            break;
        good = buf_printf(out, "%s%s = <<EOF\nCharset: %s\nFrom: %s\nSubject: %s\n",
                          i == 0 ? "" : "\n", t->name, t->charset, t->from, t->subject) &&
               (t->postmaster_subject[0] == 0 ||
                buf_printf(out, "Postmaster-Subject: %s\n", t->postmaster_subject)) &&
               buf_printf(out, "\n%sEOF\n", body);
        if (!good)
            error_perm(err, "", "templates are too long");
    }
    arena_free(arena);
    return good;
}
