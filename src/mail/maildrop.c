// maildrop: a message as sendmail(1) and postdrop(1) write it down, strictly parsed.
#include "mail/maildrop.h"
#include "mail/address.h"
#include "mail/mail_date.h"
#include "mail/record.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>

struct parser {
    struct arena *arena;
    struct str rest;
    struct maildrop *drop;
    bool is_requeued;
    // What precedes a recipient and belongs to it.
    const char *orig, *dsn_orcpt;
    int64_t notify;
};

// False at the end of the data or for a broken record.
static bool take_record(struct str *rest, int *type, struct str *payload)
{
    size_t len = 0, at = 1;
    unsigned shift = 0;

    if (rest->len < 2)
        return false;
    for (;; shift += 7) {
        if (at >= rest->len || shift > 28)
            return false;
        unsigned char byte = (unsigned char)rest->ptr[at++];

        len |= (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    if (len > RECORD_MAX || len > rest->len - at)
        return false;
    *type = (unsigned char)rest->ptr[0];
    *payload = str_sub(*rest, at, len);
    *rest = str_from(*rest, at + len);
    return true;
}

static bool bad(struct error *err, const char *what)
{
    return error_perm(err, "5.6.0", "malformed file: %s", what);
}

// Text without control characters, so that no record or log line can be made up.
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
            return false;
    return true;
}

static bool add_rcpt(struct parser *p, struct str address)
{
    struct maildrop *d = p->drop;

    if (d->rcpts_len == d->rcpts_max) {
        size_t max = d->rcpts_max == 0 ? 8 : d->rcpts_max * 2;
        struct cleanup_rcpt *more = arena_array(p->arena, max, sizeof(*more));

        if (d->rcpts_len > 0)
            memcpy(more, d->rcpts, d->rcpts_len * sizeof(*more));
        d->rcpts = more;
        d->rcpts_max = max;
    }
    d->rcpts[d->rcpts_len++] =
        (struct cleanup_rcpt){.address = arena_text(p->arena, address),
                              .orig = p->orig,
                              .dsn_orcpt = p->dsn_orcpt,
                              .dsn_notify = p->notify};
    p->orig = p->dsn_orcpt = "";
    p->notify = 0;
    return true;
}

static bool keep_attr(struct parser *p, struct str name, struct str value)
{
    struct maildrop *d = p->drop;

    if (d->attrs_len == d->attrs_max) {
        size_t max = d->attrs_max == 0 ? 16 : d->attrs_max * 2;
        struct cleanup_attr *more = arena_array(p->arena, max, sizeof(*more));

        if (d->attrs_len > 0)
            memcpy(more, d->attrs, d->attrs_len * sizeof(*more));
        d->attrs = more;
        d->attrs_max = max;
    }
    d->attrs[d->attrs_len++] = (struct cleanup_attr){.name = arena_text(p->arena, name),
                                                     .value = arena_text(p->arena, value)};
    return true;
}

static bool number(struct str s, long max, int64_t *value)
{
    long n;

    if (!str_to_long(s, &n) || n < 0 || n > max)
        return false;
    *value = n;
    return true;
}

static bool on_attr(struct parser *p, struct str payload)
{
    struct maildrop *d = p->drop;
    struct str value = payload, name;

    if (!str_split(&value, '=', &name) || value.ptr == NULL)
        return false;
    if (str_is(name, "rewrite_context")) {
        d->rewrite_context = str_is(value, "remote") ? "remote" : "local";
        return str_is(value, "remote") || str_is(value, "local");
    }
    if (str_is(name, "notify_flags"))
        return number(value, 15, &p->notify);
    if (str_is(name, "ret_flags"))
        return number(value, 2, &d->dsn_ret);
    if (str_is(name, "trace_flags"))
        return number(value, 1 << 24, &d->trace_flags);
    if (str_is(name, "envelope_id"))
        d->envelope_id = arena_text(p->arena, value);
    else if (str_is(name, "dsn_orig_rcpt"))
        p->dsn_orcpt = arena_text(p->arena, value);
    else if (str_is(name, "encoding"))
        d->encoding = arena_text(p->arena, value);
    else if (p->is_requeued && str_is(name, "log_ident"))
        d->orig_id = arena_text(p->arena, value);
    else if (p->is_requeued && !str_is(name, "create_time"))
        return keep_attr(p, name, value);
    return true; // others are none of a user's business
}

static bool on_time(struct parser *p, struct str payload)
{
    struct str usec = payload, sec;
    int64_t s, u = 0;

    if (!str_split(&usec, ' ', &sec) || !number(sec, INT64_MAX / 2, &s))
        return false;
    if (usec.ptr != NULL && !number(usec, 999999, &u))
        return false;
    p->drop->arrival = (struct moment){s, (int32_t)u};
    return true;
}

static bool on_sender(struct parser *p, struct str payload)
{
    if (p->drop->has_sender)
        return false;
    p->drop->sender = arena_text(p->arena, payload);
    p->drop->has_sender = true;
    return true;
}

static bool on_full_name(struct parser *p, struct str payload)
{
    p->drop->full_name = arena_text(p->arena, payload);
    return true;
}

static bool on_verp(struct parser *p, struct str payload)
{
    p->drop->verp = arena_text(p->arena, payload);
    return payload.len == 2;
}

static bool on_orig(struct parser *p, struct str payload)
{
    p->orig = arena_text(p->arena, payload);
    return true;
}

// A recipient that is done, or no more wanted: what stood before it goes with it.
static bool on_done(struct parser *p, struct str payload)
{
    (void)payload;
    p->orig = p->dsn_orcpt = "";
    p->notify = 0;
    return true;
}

static bool on_nothing(struct parser *p, struct str payload)
{
    (void)p;
    (void)payload;
    return true;
}

static const struct {
    int type;
    bool requeued_only;
    bool (*run)(struct parser *p, struct str payload);
} envelope_records[] = {
    {REC_TIME,      false, on_time     },
    {REC_ATTR,      false, on_attr     },
    {REC_FULL_NAME, false, on_full_name},
    {REC_FROM,      false, on_sender   },
    {REC_RCPT,      false, add_rcpt    },
    {REC_VERP,      false, on_verp     },
    {REC_FILTER,    true,  on_nothing  },
    {REC_INSPECT,   true,  on_nothing  },
    {REC_REDIRECT,  true,  on_nothing  },
    {REC_ORIG_RCPT, true,  on_orig     },
    {REC_DONE,      true,  on_done     },
    {REC_CANCELLED, true,  on_done     },
    {REC_WARN,      true,  on_nothing  },
    {REC_KILLED,    true,  on_nothing  },
    {REC_PADDING,   true,  on_nothing  },
    {REC_SIZE,      true,  on_nothing  },
    {REC_POINTER,   true,  on_nothing  },
};

static bool run_record(struct parser *p, int type, struct str payload)
{
    for (size_t i = 0; i < COUNT(envelope_records); i++) {
        if (envelope_records[i].type != type)
            continue;
        if (envelope_records[i].requeued_only && !p->is_requeued)
            return false;
        return is_plain(payload) && envelope_records[i].run(p, payload);
    }
    return false;
}

// Records up to one of type `end`.
static bool parse_envelope(struct parser *p, int end, struct error *err)
{
    struct str payload;
    int type;

    while (take_record(&p->rest, &type, &payload)) {
        if (type == end)
            return true;
        if (!run_record(p, type, payload))
            return error_perm(err, "5.6.0", "malformed file: unexpected record type %d",
                              type);
    }
    return bad(err, "it ends too early");
}

static bool skip_content(struct parser *p, struct error *err)
{
    const char *start = p->rest.ptr;
    struct str payload, before = p->rest;
    int type;

    while (take_record(&p->rest, &type, &payload)) {
        if (type == REC_EXTRACTED) {
            p->drop->content = str_n(start, (size_t)(before.ptr - start));
            return true;
        }
        if (type != REC_LINE && type != REC_CONTINUED &&
            !(p->is_requeued && (type == REC_POINTER || type == REC_PADDING)))
            return error_perm(err, "5.6.0", "malformed file: unexpected content record %d",
                              type);
        before = p->rest;
    }
    return bad(err, "it ends too early");
}

bool maildrop_parse(struct arena *arena, struct str data, bool is_requeued,
                    struct maildrop *drop, struct error *err)
{
    struct maildrop found = {.sender = "",
                             .full_name = "",
                             .envelope_id = "",
                             .encoding = "",
                             .verp = "",
                             .rewrite_context = "local",
                             .orig_id = ""};
    struct parser p = {.arena = arena,
                       .rest = data,
                       .drop = &found,
                       .is_requeued = is_requeued,
                       .orig = "",
                       .dsn_orcpt = ""};

    if (!parse_envelope(&p, REC_MESSAGE, err) || !skip_content(&p, err) ||
        !parse_envelope(&p, REC_END, err))
        return false;
    if (!found.has_sender)
        return bad(err, "no sender");
    *drop = found;
    return true;
}

// ---- to cleanup ------------------------------------------------------------------------

static const struct {
    const char *name;
    int64_t cleared;
} overrides[] = {
    {"no_unknown_recipient_checks", 0                              },
    {"no_address_mappings",         CLEANUP_MAP_OK | CLEANUP_BCC_OK},
    {"no_header_body_checks",       CLEANUP_FILTER                 },
    {"no_milters",                  CLEANUP_MILTER                 },
};

bool receive_overrides_parse(const char *text, int64_t *cleared_flags, struct error *err)
{
    struct str rest = str_c(text), word;
    int64_t cleared = 0;

    while (str_take(&rest, ", \t\r\n", &word)) {
        size_t i = 0;

        while (i < COUNT(overrides) && !str_is_nocase(word, overrides[i].name))
            i++;
        if (i == COUNT(overrides))
            return error_config(err,
                                "unknown receive_override_options value \"%.*s\" in \"%s\"",
                                STR_FMT(word), text);
        cleared |= overrides[i].cleared;
    }
    *cleared_flags = cleared;
    return true;
}

static bool send_content(struct cleanup_client *client, struct str content,
                         struct error *err)
{
    struct str payload;
    int type;

    while (take_record(&content, &type, &payload)) {
        if (type != REC_LINE && type != REC_CONTINUED)
            continue;
        if (!cleanup_content(client, payload, err) ||
            (type == REC_LINE && !cleanup_content(client, STR_LIT("\n"), err)))
            return false;
    }
    return true;
}

static void log_origin(const struct mail_config *cfg, struct arena *arena, const char *id,
                       const struct maildrop *drop, const struct maildrop_origin *from)
{
    bool quoted =
        strcmp(cfg->info_log_address_format, "external") == 0 && drop->sender[0] != 0;

    log_info("%s: uid=%ld from=<%s>%s%s", id, from->uid,
             quoted ? address_quote(arena, drop->sender) : drop->sender,
             drop->orig_id[0] != 0 ? " orig_id=" : "", drop->orig_id);
}

static bool send_received(struct cleanup_client *client, const struct mail_config *cfg,
                          struct arena *arena, const struct maildrop_origin *from,
                          const char *id, struct moment arrival, struct error *err)
{
    char date[MAIL_DATE_SIZE];

    mail_date_format(date, arrival.sec);
    return cleanup_content(
        client,
        str_c(arena_printf(arena, "Received: by %s (%s, from userid %ld)\n\tid %s; %s\n",
                           cfg->myhostname, cfg->mail_name, from->uid, id, date)),
        err);
}

bool maildrop_submit(struct cleanup_client *client, const struct mail_config *cfg,
                     struct arena *arena, const struct maildrop *drop,
                     const struct maildrop_origin *from, char id[64],
                     struct cleanup_result *result, struct error *err)
{
    struct moment arrival = drop->arrival.sec != 0 ? drop->arrival : moment_now();
    struct text_list classes;
    int64_t cleared;

    if (!receive_overrides_parse(from->receive_override_options, &cleared, err) ||
        !text_list_parse(arena, cfg->smtputf8_autodetect_classes, &classes, err) ||
        !cleanup_begin(client, id, err))
        return false;
    log_origin(cfg, arena, id, drop, from);
    struct cleanup_attr *attrs = arena_array(arena, drop->attrs_len + 1, sizeof(*attrs));

    attrs[0] = (struct cleanup_attr){"rewrite_context", drop->rewrite_context};
    if (drop->attrs_len > 0)
        memcpy(attrs + 1, drop->attrs, drop->attrs_len * sizeof(*attrs));
    struct cleanup_envelope env = {
        .flags = (CLEANUP_EXTERNAL & ~cleared) | CLEANUP_BOUNCE,
        .arrival_sec = arrival.sec,
        .arrival_usec = arrival.usec,
        .sender = drop->sender,
        .full_name = drop->full_name,
        .filter = from->content_filter,
        .redirect = "",
        .envelope_id = drop->envelope_id,
        .encoding = drop->encoding,
        .verp = drop->verp,
        .hold_reason = "",
        .dsn_ret = drop->dsn_ret,
        .trace_flags = drop->trace_flags,
        .attrs = attrs,
        .attrs_len = drop->attrs_len + 1,
        .rcpts = drop->rcpts,
        .rcpts_len = drop->rcpts_len,
    };

    if (cfg->smtputf8_enable && (text_list_has_nocase(&classes, "sendmail") ||
                                 text_list_has_nocase(&classes, "all")))
        env.flags |= CLEANUP_SMTPUTF8_AUTODETECT;
    if (cleanup_send_envelope(client, &env, err) &&
        (from->is_requeued || send_received(client, cfg, arena, from, id, arrival, err)) &&
        send_content(client, drop->content, err) &&
        cleanup_commit(client, NULL, arena, result, err))
        return true;
    cleanup_abort(client);
    return false;
}
