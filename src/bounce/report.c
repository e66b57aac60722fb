// report: one delivery status notification, composed and given to cleanup(8).
#include "bounce/report.h"
#include "mail/address.h"
#include "mail/mail_date.h"
#include "util/log.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINE_WIDTH 79u
#define INDENT 4u
// More than this is passed on to cleanup.
#define FLUSH_AT 32768u
#define LINE_MAX_BYTES (2u << 20)

// A report in the making.
struct draft {
    const struct reporter *r;
    const struct original *o;
    const struct report *report;
    const struct bounce_template *t;
    struct arena *arena;
    struct cleanup_client *cleanup;
    struct buf *out;
    const char *id; // of the report
    const char *boundary;
    const char *encoding; // of the whole: "8bit" or "7bit"
};

void report_fold(struct buf *out, struct str text)
{
    size_t column = 0;

    while (text.len > 0) {
        size_t room = LINE_WIDTH - column, end = text.len;

        if (end > room) {
            // The last blank that fits; a word that is too long by itself stays whole.
            end = room;
            while (end > 0 && text.ptr[end] != ' ')
                end--;
            if (end == 0)
                for (end = room; end < text.len && text.ptr[end] != ' ';)
                    end++;
        }
        buf_put(out, str_trim_right(str_sub(text, 0, end)));
        buf_put_c(out, "\n");
        text = str_trim_left(str_from(text, end));
        if (text.len > 0)
            buf_put_c(out, "    ");
        column = INDENT;
    }
}

// ---- parts
// -------------------------------------------------------------------------------

static bool flush(struct draft *d, struct error *err)
{
    struct str data = buf_view(d->out);
    bool sent = data.len == 0 || cleanup_content(d->cleanup, data, err);

    buf_clear(d->out);
    return sent;
}

static const char *charset_of(const struct draft *d)
{
    // What follows the wording may be UTF-8, of which us-ascii is a part.
    return strcasecmp(d->t->charset, "us-ascii") == 0 && d->r->mail->smtputf8_enable
               ? "utf-8"
               : d->t->charset;
}

// "ADDRESS (NAME)" of the template as "NAME <ADDRESS>".
static const char *from_header(const struct draft *d)
{
    struct str from = str_c(d->t->from);
    size_t open = str_index(from, '(');

    if (strcasecmp(d->r->cfg->header_from_format, "standard") != 0 || open == SIZE_MAX ||
        from.ptr[from.len - 1] != ')')
        return d->t->from;
    struct str address = str_trim(str_sub(from, 0, open));
    struct str name = str_trim(str_sub(from, open + 1, from.len - open - 2));

    return arena_printf(d->arena, "%.*s <%.*s>", STR_FMT(name), STR_FMT(address));
}

static void put_headers(struct draft *d)
{
    char date[MAIL_DATE_SIZE];
    bool postmaster = d->report->to_postmaster;

    mail_date_format(date, moment_now().sec);
    buf_putf(d->out, "Received: by %s (%s)\n\tid %s; %s\n", d->r->mail->myhostname,
             d->r->mail->mail_name, d->id, date);
    buf_putf(d->out, "Date: %s\n", date);
    buf_putf(d->out, "From: %s\n", from_header(d));
    buf_putf(d->out, "Subject: %s\n",
             postmaster && d->t->postmaster_subject[0] != 0 ? d->t->postmaster_subject
                                                            : d->t->subject);
    buf_putf(d->out, "To: %s\n", address_quote(d->arena, d->report->recipient));
    buf_putf(d->out, "Auto-Submitted: %s\n",
             postmaster ? "auto-generated" : "auto-replied");
    buf_put_c(d->out, "MIME-Version: 1.0\n");
    buf_putf(
        d->out,
        "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"%s\"\n",
        d->boundary);
    buf_putf(d->out, "Content-Transfer-Encoding: %s\n\n", d->encoding);
    buf_put_c(d->out, "This is a MIME-encapsulated message.\n");
}

static void start_part(struct draft *d, const char *description)
{
    buf_putf(d->out, "\n--%s\nContent-Description: %s\n", d->boundary, description);
}

static bool has_orig(const struct bounce_rcpt *rcpt)
{
    return *rcpt->orig != 0 && strcasecmp(rcpt->orig, rcpt->address) != 0;
}

static bool put_notification(struct draft *d, struct error *err)
{
    struct bounce_spans spans = {d->r->mail->delay_warning_time,
                                 d->r->cfg->maximal_queue_lifetime};
    const char *body;

    start_part(d, "Notification");
    buf_putf(d->out, "Content-Type: text/plain; charset=%s\n", charset_of(d));
    buf_putf(d->out, "Content-Transfer-Encoding: %s\n\n", d->encoding);
    if (!d->report->to_postmaster) {
        if (!bounce_template_body(d->t, d->r->config, &spans, d->arena, &body, err))
            return false;
        buf_put_c(d->out, body);
    }
    for (size_t i = 0; i < d->report->rcpts_len; i++) {
        const struct bounce_rcpt *rcpt = &d->report->rcpts[i];
        const char *expanded = has_orig(rcpt)
                                   ? arena_printf(d->arena, " (expanded from <%s>)",
                                                  address_quote(d->arena, rcpt->orig))
                                   : "";

        buf_put_c(d->out, "\n");
        report_fold(d->out, str_c(arena_printf(d->arena, "<%s>%s: %s",
                                               address_quote(d->arena, rcpt->address),
                                               expanded, rcpt->reason)));
        if (buf_len(d->out) > FLUSH_AT && !flush(d, err))
            return false;
    }
    return true;
}

static bool is_plain_text(const char *text)
{
    for (const char *c = text; *c != 0; c++)
        if ((unsigned char)*c >= 0x80)
            return false;
    return true;
}

// RFC 6533 section 3: an address outside ASCII needs its own address type.
static const char *address_type(const struct draft *d, const char *address)
{
    return d->o->is_utf8 && !is_plain_text(address) ? "utf-8" : "rfc822";
}

static void put_rcpt_fields(struct draft *d, const struct bounce_rcpt *rcpt)
{
    const char *mail_name = d->r->mail->mail_name;
    char date[MAIL_DATE_SIZE];
    const char *diagnostic =
        *rcpt->diag_type != 0 && *rcpt->diag_text != 0
            ? arena_printf(d->arena, "%s; %s", rcpt->diag_type, rcpt->diag_text)
            : arena_printf(d->arena, "X-%s; %s", mail_name, rcpt->reason);

    buf_putf(d->out, "\nFinal-Recipient: %s; %s\n", address_type(d, rcpt->address),
             address_quote(d->arena, rcpt->address));
    if (*rcpt->dsn_orcpt != 0)
        buf_putf(d->out, "Original-Recipient: %s\n", rcpt->dsn_orcpt);
    else if (has_orig(rcpt))
        buf_putf(d->out, "Original-Recipient: %s;%s\n", address_type(d, rcpt->orig),
                 address_quote(d->arena, rcpt->orig));
    buf_putf(d->out, "Action: %s\n",
             d->report->action != NULL ? d->report->action : rcpt->action);
    buf_putf(d->out, "Status: %s\n", rcpt->status);
    if (*rcpt->mta_type != 0 && *rcpt->mta_name != 0)
        buf_putf(d->out, "Remote-MTA: %s; %s\n", rcpt->mta_type, rcpt->mta_name);
    report_fold(d->out, str_c(arena_printf(d->arena, "Diagnostic-Code: %s", diagnostic)));
    if (d->report->kind == BOUNCE_TEMPLATE_DELAY && d->o->arrival != 0) {
        mail_date_format(date, d->o->arrival + d->r->cfg->maximal_queue_lifetime.seconds);
        buf_putf(d->out, "Will-Retry-Until: %s\n", date);
    }
}

static bool put_delivery_report(struct draft *d, struct error *err)
{
    const struct bounce_request *req = d->o->req;
    const char *mail_name = d->r->mail->mail_name;
    char date[MAIL_DATE_SIZE];

    start_part(d, "Delivery report");
    buf_putf(d->out, "Content-Type: message/%s\n",
             d->o->is_utf8 ? "global-delivery-status" : "delivery-status");
    if (d->o->is_utf8)
        buf_put_c(d->out, "Content-Transfer-Encoding: 8bit\n");
    buf_putf(d->out, "\nReporting-MTA: dns; %s\n", d->r->mail->myhostname);
    if (*req->envelope_id != 0)
        buf_putf(d->out, "Original-Envelope-Id: %s\n", req->envelope_id);
    buf_putf(d->out, "X-%s-Queue-ID: %s\n", mail_name, req->queue_id);
    buf_putf(d->out, "X-%s-Sender: %s; %s\n", mail_name,
             address_type(d, d->o->sender_shown),
             address_quote(d->arena, d->o->sender_shown));
    if (d->o->arrival != 0) {
        mail_date_format(date, d->o->arrival);
        buf_putf(d->out, "Arrival-Date: %s\n", date);
    }
    for (size_t i = 0; i < d->report->rcpts_len; i++) {
        put_rcpt_fields(d, &d->report->rcpts[i]);
        if (buf_len(d->out) > FLUSH_AT && !flush(d, err))
            return false;
    }
    return true;
}

static bool is_headers_only(const struct draft *d)
{
    return d->report->headers_only || d->o->req->dsn_ret == DSN_RET_HDRS ||
           d->o->content_size > d->r->cfg->bounce_size_limit;
}

static void put_original_headers(struct draft *d, bool headers_only)
{
    bool failed = d->report->kind == BOUNCE_TEMPLATE_FAILURE ||
                  d->report->kind == BOUNCE_TEMPLATE_DELAY;
    const char *type = d->o->is_utf8
                           ? (headers_only ? "message/global-headers" : "message/global")
                           : (headers_only ? "text/rfc822-headers" : "message/rfc822");

    start_part(d, arena_printf(d->arena, "%sMessage%s", failed ? "Undelivered " : "",
                               headers_only ? " Headers" : ""));
    buf_putf(d->out, "Content-Type: %s\nContent-Transfer-Encoding: %s\n\n", type,
             d->encoding);
    buf_putf(d->out, "Return-Path: <%s>\n", address_quote(d->arena, d->o->sender_shown));
}

// The content as it is; of a damaged file as much as can be read.
static bool put_original(struct draft *d, struct error *err)
{
    bool headers_only = is_headers_only(d), ends = true;
    struct str text;
    struct error damage = {0};

    put_original_headers(d, headers_only);
    struct content_reader *content = content_open(d->o->fd, d->o->data_offset, d->arena);

    for (bool at_start = true; content_next(content, &text, &ends, &damage);
         at_start = ends) {
        if (headers_only && at_start && ends && text.len == 0)
            break;
        buf_put(d->out, text);
        if (ends)
            buf_put_c(d->out, "\n");
        if (buf_len(d->out) > FLUSH_AT && !flush(d, err))
            return false;
    }
    if (!ends)
        buf_put_c(d->out, "\n");
    return true;
}

static bool put_all(struct draft *d, struct error *err)
{
    put_headers(d);
    if (!put_notification(d, err) || !put_delivery_report(d, err))
        return false;
    if (d->o->fd >= 0 && d->o->data_offset > 0 && !put_original(d, err))
        return false;
    buf_putf(d->out, "\n--%s--\n", d->boundary);
    return flush(d, err);
}

// ---- sending
// -----------------------------------------------------------------------------

static bool filters_reports(const struct draft *d)
{
    struct str rest = str_c(d->r->mail->internal_mail_filter_classes), name;

    while (text_take_element(&rest, &name) && name.ptr != NULL)
        if (str_is_nocase(name, "bounce"))
            return true;
    return false;
}

static bool submit(struct draft *d, struct error *err)
{
    static const struct cleanup_attr attrs[] = {
        {"rewrite_context", "local"}
    };
    struct cleanup_rcpt rcpt = {
        .address = d->report->recipient, .orig = "", .dsn_orcpt = ""};
    struct moment now = moment_now();
    struct cleanup_envelope env = {
        .flags =
            CLEANUP_INTERNAL | (filters_reports(d) ? CLEANUP_FILTER | CLEANUP_MILTER : 0),
        .arrival_sec = now.sec,
        .arrival_usec = now.usec,
        .sender = d->report->sender,
        .encoding = d->encoding,
        .send_options = d->o->req->send_options & SEND_SMTPUTF8_REQUESTED,
        .attrs = attrs,
        .attrs_len = COUNT(attrs),
        .rcpts = &rcpt,
        .rcpts_len = 1};
    struct cleanup_result result;

    if (!cleanup_send_envelope(d->cleanup, &env, err) || !put_all(d, err) ||
        !cleanup_commit(d->cleanup, NULL, d->arena, &result, err))
        return false;
    if (result.status != CLEANUP_OK)
        return error_temp(err, "4.3.0", "report not accepted: %s",
                          *result.reason != 0 ? result.reason : "cleanup failed");
    log_info("%s: %s: %s", d->o->req->queue_id, d->report->log_label, d->id);
    return true;
}

bool report_send(const struct reporter *r, const struct original *o,
                 const struct report *report, struct arena *arena, struct error *err)
{
    char id[64] = "";
    bool is_7bit = strcasecmp(o->req->encoding, "7bit") == 0 && !o->is_utf8;
    struct draft d = {.r = r,
                      .o = o,
                      .report = report,
                      .t = &r->templates->all[report->kind],
                      .arena = arena,
                      .id = id,
                      .out = buf_make(arena, FLUSH_AT + LINE_MAX_BYTES + BOUNCE_TEXT_MAX),
                      .encoding = is_7bit ? "7bit" : "8bit"};

    d.boundary = arena_printf(arena, "%s.%lld/%s", o->req->queue_id,
                              (long long)moment_now().sec, r->mail->myhostname);
    d.cleanup = cleanup_client_open(r->mail, err);
    if (d.cleanup == NULL)
        return false;
    bool sent = cleanup_begin(d.cleanup, id, err) && submit(&d, err);
    cleanup_client_close(d.cleanup);
    return sent;
}
