// content: the content segment of the queue file, header by header and line by line.
#include "cleanup/content.h"
#include "cleanup/checks.h"
#include "cleanup/complete.h"
#include "cleanup/map.h"
#include "cleanup/mime.h"
#include "cleanup/rcpts.h"
#include "mail/address.h"
#include "util/log.h"
#include "util/text.h"
#include <strings.h>

struct content {
    struct msg *m;
    struct header_facts *facts;
    struct mime_walk walk;
    long body_left;     // bytes of this body part that body_checks still look at
    bool past_received; // something else than Received: was seen
    char *scratch;      // for lines that change
    size_t scratch_size;
};

// ---- output ----------------------------------------------------------------------------

static bool put_line(struct msg *m, struct str line)
{
    size_t limit = (size_t)m->mail->line_length_limit;

    while (line.len > limit) {
        if (!msg_put(m, REC_CONTINUED, str_sub(line, 0, limit)))
            return false;
        line = str_from(line, limit);
    }
    return msg_put(m, REC_LINE, line);
}

bool content_put(struct msg *m, struct str text)
{
    struct str line;

    if (text.len == 0)
        return put_line(m, text);
    while (str_take_line(&text, &line))
        if (!put_line(m, line))
            return false;
    return true;
}

// Takes out what message_strip_characters and cleanup_replace_stray_cr_lf do not want.
// Most lines are given back as they are.
static struct str clean_line(struct content *c, struct str line)
{
    const struct byte_set *strip = &c->m->tables->strip_bytes;
    bool has_cr =
        c->m->cfg->cleanup_replace_stray_cr_lf && memchr(line.ptr, '\r', line.len) != NULL;

    if (line.len == 0 || (!strip->any && !has_cr))
        return line;
    if (c->scratch_size < line.len) {
        c->scratch_size = line.len + 4096;
        c->scratch = arena_alloc(c->m->arena, c->scratch_size);
    }
    size_t len = 0;

    for (size_t i = 0; i < line.len; i++) {
        char byte = line.ptr[i];

        if (strip->any && strip->has[(unsigned char)byte])
            continue;
        c->scratch[len++] = has_cr && byte == '\r' ? ' ' : byte;
    }
    return str_n(c->scratch, len);
}

static bool has_rejected_byte(struct content *c, struct str line)
{
    const struct byte_set *reject = &c->m->tables->reject_bytes;

    if (!reject->any)
        return false;
    for (size_t i = 0; i < line.len; i++)
        if (reject->has[(unsigned char)line.ptr[i]])
            return true;
    return false;
}

static bool refuse_bytes(struct content *c, struct str line, const char *what)
{
    const char *reason = "5.7.1 disallowed character";

    check_log(c->m, "reject", what, line, reason);
    return msg_fail(c->m, CLEANUP_REJECTED, reason);
}

// ---- headers ---------------------------------------------------------------------------

static bool is_dropped(struct msg *m, struct str name)
{
    for (size_t i = 0; i < m->tables->drop_headers.len; i++)
        if (str_is_nocase(name, m->tables->drop_headers.items[i]))
            return true;
    return false;
}

static void add_address(struct arena *arena, const char ***items, size_t *len, size_t *max,
                        const char *address)
{
    if (*len == *max) {
        size_t more = *max == 0 ? 16 : *max * 2;
        const char **grown = arena_array(arena, more, sizeof(*grown));

        if (*len > 0)
            memcpy(grown, *items, *len * sizeof(*grown));
        *items = grown;
        *max = more;
    }
    (*items)[(*len)++] = address;
}

static void extract(struct content *c, struct header_class class,
                    const struct header_addr_list *list)
{
    struct header_facts *f = c->facts;

    for (size_t i = 0; i < list->len; i++) {
        const char *address = list->items[i].address;

        if (class.traits & HEADER_IS_RESENT)
            add_address(c->m->arena, &f->resent_to, &f->resent_len, &f->resent_max,
                        address);
        else
            add_address(c->m->arena, &f->to, &f->to_len, &f->to_max, address);
    }
}

// The header's value with its addresses rewritten and mapped, or NULL when nothing changes.
static bool rewrite_header(struct content *c, struct header_class class,
                           const struct header *h, const struct header_addr_list *list,
                           const char **value)
{
    struct msg *m = c->m;
    enum address_class cls =
        (class.traits & HEADER_HAS_SENDER) ? CLASS_HEADER_SENDER : CLASS_HEADER_RCPT;
    const char **addresses = arena_array(m->arena, list->len + 1, sizeof(*addresses));
    bool changed = false;

    *value = NULL;
    for (size_t i = 0; i < list->len; i++)
        addresses[i] = list->items[i].address;
    if (!map_rewrite(m, m->header_context, addresses, list->len))
        return false;
    size_t size = h->value.len + 1;

    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i].address[0] == 0 || list->items[i].len == 0)
            addresses[i] = "";
        if (!map_canonical(m, cls, &addresses[i]))
            return false;
        if (strcmp(addresses[i], list->items[i].address) != 0)
            changed = true;
        size += strlen(addresses[i]) * 2 + 4;
    }
    if (!changed)
        return true;
    struct buf *out = buf_make(m->arena, size);
    size_t done = 0;

    for (size_t i = 0; i < list->len; i++) {
        const struct header_addr *a = &list->items[i];

        if (a->len == 0 || a->start < done || strcmp(addresses[i], a->address) == 0)
            continue;
        buf_put(out, str_sub(h->value, done, a->start - done));
        buf_put_c(out, address_quote(m->arena, addresses[i]));
        done = a->start + a->len;
    }
    buf_put(out, str_from(h->value, done));
    *value = header_fold_addresses(m->arena, h->name.len + 1, buf_view(out));
    return true;
}

static void note_seen(struct content *c, struct header_class class, const struct header *h)
{
    struct header_facts *f = c->facts;
    struct msg *m = c->m;

    f->seen |= 1u << class.kind;
    if (class.traits & HEADER_IS_RESENT)
        f->is_resent = true;
    if ((class.traits & HEADER_EXTRACT) && !is_dropped(m, h->name))
        f->has_rcpts = true;
    if (class.kind == HEADER_RECEIVED)
        f->hops++;
    else
        c->past_received = true;
    if (class.kind == HEADER_MESSAGE_ID)
        log_info("%s: message-id=%s", m->id,
                 header_unfold(m->arena, str_trim(h->value), 1000));
    if (class.kind == HEADER_RESENT_MESSAGE_ID)
        log_info("%s: resent-message-id=%s", m->id,
                 header_unfold(m->arena, str_trim(h->value), 1000));
}

// A header of the message itself: facts, dropping, rewriting, output.
static bool primary_header(struct content *c, const struct header *h)
{
    struct msg *m = c->m;
    struct header_class class = header_classify(h->name);
    struct header_addr_list list = {NULL, 0};
    const char *value = NULL;
    bool rewrite =
        m->rewrite_headers && (class.traits & (HEADER_HAS_SENDER | HEADER_HAS_RCPTS));

    note_seen(c, class, h);
    if (rewrite || (m->env.extract_rcpts && (class.traits & HEADER_EXTRACT)))
        header_addrs_parse(m->arena, h->value, (size_t)m->mail->header_address_token_limit,
                           &list);
    if (m->env.extract_rcpts && (class.traits & HEADER_EXTRACT))
        extract(c, class, &list);
    if (is_dropped(m, h->name))
        return true;
    if (rewrite && !rewrite_header(c, class, h, &list, &value))
        return false;
    if (!str_is_ascii(h->text))
        m->send_options |= SEND_SMTPUTF8_HEADER;
    if (value != NULL)
        return content_put(
            m, str_c(arena_printf(m->arena, "%.*s:%s", STR_FMT(h->name), value)));
    // "Name :" is made "Name:".
    if (h->value.ptr != h->name.ptr + h->name.len + 1)
        return content_put(m, str_c(arena_printf(m->arena, "%.*s:%.*s", STR_FMT(h->name),
                                                 STR_FMT(h->value))));
    return content_put(m, h->text);
}

static struct maps *checks_for(struct content *c, enum mime_event_kind kind)
{
    switch (kind) {
    case MIME_PART_HEADER:
        return c->m->tables->mime_checks;
    case MIME_NESTED_HEADER:
        return c->m->tables->nested_checks;
    default:
        return c->m->tables->header_checks;
    }
}

static bool put_prepended(struct content *c, const struct check_outcome *outcome)
{
    for (size_t i = 0; i < outcome->prepend_len; i++)
        if (!content_put(c->m, str_c(outcome->prepend[i])))
            return false;
    return true;
}

// Cuts an over-long header (header_size_limit) and takes bad bytes out of it.
static void limit_header(struct content *c, struct header *h)
{
    struct str text = str_sub(h->text, 0, (size_t)c->m->mail->header_size_limit);
    struct str clean = clean_line(c, text);

    if (clean.ptr == h->text.ptr && clean.len == h->text.len)
        return;
    struct str rest = arena_str(c->m->arena, clean);

    if (header_take(&rest, h) != HEADER_FIELD)
        *h = (struct header){STR_LIT("X-Unreadable"), STR_LIT(" "),
                             STR_LIT("X-Unreadable: ")};
}

static bool on_header(struct content *c, struct mime_event *event, bool is_primary)
{
    struct check check = {.is_header = true, .maps = checks_for(c, event->kind)};
    struct header h = event->header;
    struct check_outcome outcome;

    c->body_left = c->m->cfg->body_checks_size_limit;
    if (has_rejected_byte(c, h.text))
        return refuse_bytes(c, h.text, "header");
    limit_header(c, &h);
    check.line = h.text;
    check_line(c->m, &check, &outcome);
    if (c->m->discard)
        return false;
    if (!put_prepended(c, &outcome))
        return false;
    if (outcome.result == CHECK_FAILED && !(c->m->env.flags & CLEANUP_BOUNCE))
        return false;
    if (outcome.result == CHECK_DROP)
        return true;
    if (outcome.result == CHECK_REPLACE) {
        struct str rest = str_c(outcome.text);

        if (header_take(&rest, &h) != HEADER_FIELD)
            return true;
    }
    return is_primary ? primary_header(c, &h) : content_put(c->m, h.text);
}

// compat: an mbox envelope line at the start is kept as a header.
static bool take_from_line(struct content *c)
{
    struct str *rest = &c->walk.rest, line;

    while (!c->past_received &&
           (str_starts(*rest, "From ") || str_starts(*rest, ">From "))) {
        if (!str_take_line(rest, &line))
            break;
        if (!content_put(c->m, str_c(arena_printf(c->m->arena, "X-Mailbox-Line: %.*s",
                                                  STR_FMT(line)))))
            return false;
    }
    return true;
}

static bool on_headers_end(struct content *c, const struct mime_event *event)
{
    struct msg *m = c->m;

    c->body_left = m->cfg->body_checks_size_limit;
    if (c->facts->hops >= m->mail->hopcount_limit) {
        log_warn("%s: message rejected: hopcount exceeded", m->id);
        msg_fail(m, CLEANUP_HOPS, "5.4.0 Error: too many hops");
        if (!(m->env.flags & CLEANUP_BOUNCE))
            return false;
    }
    if (!complete_headers(m, c->facts))
        return false;
    if (event->empty_line_missing && c->walk.rest.len == 0)
        return true; // headers only
    if (event->empty_line_missing &&
        strcasecmp(m->cfg->non_empty_end_of_header_action, "reject") == 0)
        return msg_fail(m, CLEANUP_REJECTED,
                        "5.5.2 message header is not ended by an empty line");
    return msg_put(m, REC_LINE, str_c(""));
}

// ---- body ------------------------------------------------------------------------------

static bool check_body_line(struct content *c, struct str line,
                            struct check_outcome *outcome)
{
    struct msg *m = c->m;
    struct check check = {.is_header = false, .maps = m->tables->body_checks};
    size_t limit = (size_t)m->mail->line_length_limit;

    *outcome = (struct check_outcome){.result = CHECK_KEEP};
    if (maps_is_empty(check.maps) || !(m->env.flags & CLEANUP_FILTER) || c->body_left <= 0)
        return true;
    do {
        check.line = str_sub(line, 0, limit);
        line = str_from(line, check.line.len);
        check_line(m, &check, outcome);
        if (m->discard)
            return false;
    } while (line.len > 0 && outcome->result == CHECK_KEEP);
    c->body_left -= (long)check.line.len;
    return outcome->result != CHECK_FAILED || (m->env.flags & CLEANUP_BOUNCE);
}

static bool on_body_line(struct content *c, const struct mime_event *event)
{
    struct check_outcome outcome;

    if (has_rejected_byte(c, event->line))
        return refuse_bytes(c, event->line, "body");
    struct str line = clean_line(c, event->line);

    if (!check_body_line(c, line, &outcome) || !put_prepended(c, &outcome))
        return false;
    if (outcome.result == CHECK_DROP)
        return true;
    if (outcome.result == CHECK_REPLACE)
        return content_put(c->m, str_c(outcome.text));
    return put_line(c->m, line);
}

// ---- all of it -------------------------------------------------------------------------

static bool judge_mime(struct content *c)
{
    const struct cleanup_config *cfg = c->m->cfg;
    const struct {
        unsigned error;
        bool refused;
        const char *text;
    } rules[] = {
        {MIME_ERROR_NESTING,         true,                                              "5.6.0 MIME nesting exceeds safety limit"},
        {MIME_ERROR_8BIT_HEADER,     cfg->strict_7bit_headers || cfg->strict_8bitmime,
         "5.6.0 improper use of 8-bit data in message header"                                                                    },
        {MIME_ERROR_8BIT_BODY,       cfg->strict_8bitmime_body || cfg->strict_8bitmime,
         "5.6.0 improper use of 8-bit data in message body"                                                                      },
        {MIME_ERROR_ENCODING_DOMAIN, cfg->strict_mime_encoding_domain,
         "5.6.0 invalid message/* or multipart/* encoding domain"                                                               },
    };

    for (size_t i = 0; i < COUNT(rules); i++) {
        if (!(c->walk.errors & rules[i].error) || !rules[i].refused)
            continue;
        check_log(c->m, "reject", "mime-error", str_c(rules[i].text + 6), "");
        return msg_fail(c->m, CLEANUP_REJECTED, rules[i].text);
    }
    return true;
}

static bool on_event(struct content *c, struct mime_event *event, bool in_primary)
{
    switch (event->kind) {
    case MIME_PRIMARY_HEADER:
    case MIME_PART_HEADER:
    case MIME_NESTED_HEADER:
        return on_header(c, event, in_primary);
    case MIME_HEADERS_END:
        return on_headers_end(c, event);
    case MIME_BODY_LINE:
        return on_body_line(c, event);
    case MIME_DONE:
        break;
    }
    return true;
}

bool content_write(struct msg *m, struct header_facts *facts)
{
    struct content c = {.m = m, .facts = facts};
    struct mime_limits limits = {
        .nesting = (size_t)m->cfg->mime_nesting_limit,
        .boundary_length = (size_t)m->cfg->mime_boundary_length_limit,
        .parse = !m->mail->disable_mime_input_processing,
    };
    struct mime_event event;
    bool in_primary = true;

    mime_start(&c.walk, m->arena, &limits, m->content);
    do {
        if (in_primary && !take_from_line(&c))
            return false;
        mime_next(&c.walk, &event);
        if (!on_event(&c, &event, in_primary))
            return false;
        if (event.kind == MIME_HEADERS_END)
            in_primary = false;
    } while (event.kind != MIME_DONE);
    m->said_8bit = c.walk.said_8bit && m->cfg->detect_8bit_encoding_header;
    return judge_mime(&c);
}
