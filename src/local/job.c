// job: the small things that every step of a local delivery needs.
#include "local/job.h"
#include "mail/address.h"
#include "mail/mail_copy.h"
#include "mail/run_command.h"
#include "util/text.h"
#include <stdio.h>

bool task_is_probe(const struct task *t)
{
    const struct delivery_request *req = t->job->d->req;

    // sendmail -bv, and the probes of verify(8).
    return (req->flags & DELIVERY_VERIFY) || (req->trace_flags & (1 << 8 | 1 << 9));
}

static const struct delivery_rcpt *request_rcpt(const struct task *t)
{
    return &t->job->d->req->rcpts[t->job->rcpt];
}

static void report(const struct task *t, struct outcome *o)
{
    o->relay = t->job->local->service;
    if (strcmp(t->address, request_rcpt(t)->address) != 0)
        o->part = t->address;
    if (o->dsn[0] == '4')
        t->job->deferred = true;
    agent_outcome(t->job->d, t->job->rcpt, o);
}

void task_report(const struct task *t, const char *dsn, const char *fmt, ...)
{
    struct outcome o = {.dsn = dsn};
    va_list args;

    va_start(args, fmt);
    o.text = arena_vprintf(t->job->arena, fmt, args);
    va_end(args);
    report(t, &o);
}

void task_report_command(const struct task *t, const struct command_verdict *verdict)
{
    struct outcome o = {.dsn = verdict->dsn, .text = verdict->text};

    if (verdict->diag != NULL) {
        o.diag_type = "x-unix";
        o.diag_text = verdict->diag;
    }
    report(t, &o);
}

void task_report_forwarded(const struct task *t, const char *id)
{
    struct outcome o = {.dsn = "2.0.0",
                        .text = arena_printf(t->job->arena, "forwarded as %s", id),
                        .action = "expanded"};

    report(t, &o);
}

void task_report_error(const struct task *t, const struct error *err, const char *before)
{
    const char *dsn = err->dsn[0] != '\0' ? err->dsn : "4.3.0";

    if (err->kind != ERROR_PERMANENT && dsn[0] == '5')
        dsn = "4.3.0";
    task_report(t, dsn, "%s%s", before, err->text);
}

void task_set_address(struct task *t, const char *address)
{
    struct arena *arena = t->job->arena;
    struct str local, domain;

    address_split(str_c(address), &local, &domain);
    t->address = address;
    t->local = arena_lower(arena, local);
    t->domain = arena_text(arena, domain);
    t->user = t->local;
    t->extension = t->delimiter = "";
    const char *ext = extension_find(t->local, t->job->local->mail->recipient_delimiter);
    if (ext != NULL && ext > t->local) {
        t->user = arena_text(arena, str_n(t->local, (size_t)(ext - t->local)));
        t->delimiter = arena_text(arena, str_n(ext, 1));
        t->extension = ext + 1;
    }
}

// ---- $name expansion ----

struct expansion {
    const struct task *task;
    const char *filter;
};

static const char *find_value(const char *name, void *ctx)
{
    const struct expansion *e = ctx;
    const struct task *t = e->task;
    const struct {
        const char *name, *value;
    } values[] = {
        {"user",                t->user       },
        {"home",                t->actor.home },
        {"shell",               t->actor.shell},
        {"recipient",           t->address    },
        {"extension",           t->extension  },
        {"domain",              t->domain     },
        {"local",               t->local      },
        {"mailbox",             t->local      },
        {"recipient_delimiter", t->delimiter  },
    };

    for (size_t i = 0; i < COUNT(values); i++) {
        if (strcmp(values[i].name, name) != 0 || values[i].value == NULL ||
            values[i].value[0] == '\0')
            continue;
        return e->filter == NULL
                   ? values[i].value
                   : command_filter(t->job->arena, values[i].value, e->filter);
    }
    return NULL;
}

bool task_expand(const struct task *t, const char *text, const char *filter,
                 const char **result, struct error *err)
{
    struct expansion e = {t, filter};

    return text_expand(t->job->arena, text, false, find_value, &e, result, err);
}

// ---- duplicates ----

struct seen_entry {
    const char *key;
    struct seen_entry *next;
};

struct seen {
    struct arena *arena;
    long limit, count; // limit 0: none
    struct seen_entry *buckets[1024];
};

struct seen *seen_new(struct arena *arena, long limit)
{
    struct seen *seen = ARENA_NEW(arena, struct seen);

    seen->arena = arena;
    seen->limit = limit;
    return seen;
}

static size_t bucket_of(const char *key)
{
    uint32_t hash = 2166136261u; // FNV-1a

    for (; *key != '\0'; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash % 1024;
}

static bool find_seen(struct seen_entry *e, const char *key)
{
    while (e != NULL && strcmp(e->key, key) != 0)
        e = e->next;
    return e != NULL;
}

bool seen_has(const struct job *job, char kind, const char *key)
{
    const char *full = arena_printf(job->arena, "%c%s", kind, key);

    return find_seen(job->seen->buckets[bucket_of(full)], full);
}

bool seen_before(struct job *job, char kind, const char *key)
{
    struct seen *seen = job->seen;
    char *full = arena_printf(job->arena, "%c%s", kind, key);
    struct seen_entry **bucket = &seen->buckets[bucket_of(full)];

    if (find_seen(*bucket, full))
        return true;
    if (seen->limit == 0 || seen->count < seen->limit) {
        struct seen_entry *e = ARENA_NEW(job->arena, struct seen_entry);

        *e = (struct seen_entry){full, *bucket};
        *bucket = e;
        seen->count++;
    }
    return false;
}

// ---- the message's dress ----

struct mail_format task_format(const struct task *t, bool mailbox, unsigned delivered_kind)
{
    struct arena *arena = t->job->arena;
    const struct delivery_rcpt *rcpt = request_rcpt(t);
    const struct local *local = t->job->local;
    struct mail_format f = {.quote_from = mailbox, .blank_end = mailbox};

    f.return_path = mail_copy_sender(arena, t->sender, "");
    if (local->mail->enable_original_recipient)
        f.original_to =
            address_quote(arena, rcpt->orig[0] != '\0' ? rcpt->orig : rcpt->address);
    if (local->delivered_headers & delivered_kind)
        f.delivered_to = address_quote(arena, t->delivered_to);
    return f;
}
