// agent_report: what a delivery agent said about recipients becomes log lines, records for
// bounce(8), defer(8) and trace(8), marks in the queue file, and the answer to qmgr(8).
//
// A recipient is marked done only after the delivery succeeded, or after the bounce service
// has its record on disk. What cannot be recorded stays in the queue.
#include "service/agent_impl.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mail_config *mail(const struct delivery *d)
{
    return service_mail(d->svc);
}

static bool is_probe(const struct delivery *d)
{
    return (d->req->flags & DELIVERY_VERIFY) != 0;
}

static bool records_all(const struct delivery *d)
{
    return (d->req->flags & DELIVERY_RECORD) != 0;
}

void agent_state_start(struct delivery *d, struct maps *status_filter)
{
    d->state = ARENA_NEW(d->arena, struct agent_state);
    d->state->verdicts =
        arena_array(d->arena, d->req->rcpts_len, sizeof(*d->state->verdicts));
    d->state->status_filter = status_filter;
}

bool agent_is_decided(const struct delivery *d, size_t rcpt)
{
    ensure(rcpt < d->req->rcpts_len);
    return d->state->verdicts[rcpt] != VERDICT_NONE;
}

void agent_passed(struct delivery *d, size_t rcpt, bool stays)
{
    enum agent_verdict verdict = stays ? VERDICT_DEFERRED : VERDICT_PASSED;

    ensure(rcpt < d->req->rcpts_len);
    if (d->state->verdicts[rcpt] < verdict)
        d->state->verdicts[rcpt] = verdict;
}

void agent_destination_dead(struct delivery *d, const char *dsn, const char *reason)
{
    d->state->destination_dead = true;
    d->state->dead_dsn = arena_strdup(d->arena, dsn);
    d->state->dead_reason = arena_strdup(d->arena, reason);
}

// ---- records
// -----------------------------------------------------------------------------

static const char *keep(const struct delivery *d, const char *text)
{
    return text == NULL ? "" : arena_strdup(d->arena, text);
}

static void *grow(struct arena *arena, void *items, size_t len, size_t *size,
                  size_t item_size)
{
    if (len < *size)
        return items;
    size_t bigger = *size == 0 ? 4 : *size * 2;
    void *grown = arena_array(arena, bigger, item_size);

    if (len > 0)
        memcpy(grown, items, len * item_size);
    *size = bigger;
    return grown;
}

static void add_record(struct delivery *d, struct agent_report *report,
                       const struct delivery_rcpt *rcpt, const struct outcome *o,
                       const char *action)
{
    report->rcpts =
        grow(d->arena, report->rcpts, report->len, &report->size, sizeof(*report->rcpts));
    report->rcpts[report->len++] = (struct bounce_rcpt){.address = rcpt->address,
                                                        .orig = rcpt->orig,
                                                        .dsn_orcpt = rcpt->dsn_orcpt,
                                                        .dsn_notify = rcpt->dsn_notify,
                                                        .offset = rcpt->offset,
                                                        .status = o->dsn,
                                                        .action = action,
                                                        .reason = o->text,
                                                        .diag_type = o->diag_type,
                                                        .diag_text = o->diag_text,
                                                        .mta_type = o->mta_type,
                                                        .mta_name = o->mta_name,
                                                        .relay = o->relay};
}

static void log_outcome(const struct delivery *d, const struct delivery_rcpt *rcpt,
                        const struct outcome *o, const char *status)
{
    log_delivery(mail(d), d->req, rcpt, o->relay, o->conn_use, &o->times, o->dsn, status,
                 o->text);
}

static void set_verdict(struct delivery *d, size_t rcpt, enum agent_verdict verdict)
{
    if (d->state->verdicts[rcpt] < verdict)
        d->state->verdicts[rcpt] = verdict;
}

// ---- outcomes
// ----------------------------------------------------------------------------

// The recipient as log and report show it: a part of an expanded one under its own name.
static struct delivery_rcpt shown_rcpt(struct delivery *d, size_t rcpt,
                                       const struct outcome *o)
{
    struct delivery_rcpt shown = d->req->rcpts[rcpt];

    if (o->part != NULL && strcmp(o->part, shown.address) != 0) {
        if (shown.orig[0] == 0)
            shown.orig = shown.address;
        shown.address = arena_strdup(d->arena, o->part);
    }
    return shown;
}

// A copy whose texts live as long as the request, with no NULL but relay.
static struct outcome keep_outcome(struct delivery *d, const struct outcome *o)
{
    struct outcome kept = *o;

    kept.dsn = keep(d, o->dsn);
    kept.text = keep(d, o->text);
    kept.relay = o->relay == NULL ? NULL : keep(d, o->relay);
    kept.diag_type = keep(d, o->diag_type);
    kept.diag_text = keep(d, o->diag_text);
    kept.mta_type = keep(d, o->mta_type);
    kept.mta_name = keep(d, o->mta_name);
    if (kept.times.end.sec == 0)
        kept.times.end = moment_now();
    return kept;
}

static bool is_status(const char *text)
{
    return (text[0] == '2' || text[0] == '4' || text[0] == '5') && text[1] == '.' &&
           strspn(text, "0123456789.") >= 5;
}

// default_delivery_status_filter: "status text" looked up as a whole; the answer has the
// same form. 2.x.x cannot become a failure, nor the other way round.
static void filter_status(struct delivery *d, struct outcome *o)
{
    const char *found;
    struct error err;

    if (maps_is_empty(d->state->status_filter))
        return;
    const char *key = arena_printf(d->arena, "%s %s", o->dsn, o->text);

    switch (maps_find(d->state->status_filter, d->arena, key, 0, &found, &err)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_FAILED:
        log_warn("%s: %s", maps_title(d->state->status_filter), err.text);
        return;
    case TABLE_FOUND:
        break;
    }
    size_t code_len = strcspn(found, " \t");

    if (!is_status(found) || code_len >= sizeof(((struct error *)0)->dsn) ||
        (found[0] == '2') != (o->dsn[0] == '2')) {
        log_warn("%s: ignoring bad status in result: \"%s\"",
                 maps_title(d->state->status_filter), found);
        return;
    }
    o->dsn = arena_printf(d->arena, "%.*s", (int)code_len, found);
    o->text = found + code_len + strspn(found + code_len, " \t");
}

static void take_sent(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    struct delivery_rcpt shown = shown_rcpt(d, rcpt, o);

    struct outcome traced = *o;

    // Reports about success also say by which way.
    if (o->relay != NULL && *o->relay != 0)
        traced.text = arena_printf(d->arena, "delivery via %s: %s", o->relay, o->text);
    set_verdict(d, rcpt, VERDICT_SENT);
    if (is_probe(d)) {
        add_record(d, &d->state->trace, &shown, &traced, "deliverable");
        log_outcome(d, &shown, o, "deliverable");
        return;
    }
    bool wants_report = ((shown.dsn_notify & DSN_SUCCESS) && !o->next_hop_handles_dsn) ||
                        (d->req->flags & DELIVERY_DELAY_SENT);

    if (wants_report || records_all(d))
        add_record(d, &d->state->trace, &shown, &traced,
                   o->action != NULL ? keep(d, o->action) : "delivered");
    log_outcome(d, &shown, o, "sent");
}

static void take_deferred(struct delivery *d, size_t rcpt, const struct outcome *o,
                          const char *status)
{
    struct delivery_rcpt shown = shown_rcpt(d, rcpt, o);

    if (is_probe(d)) {
        // A probe is not repeated.
        set_verdict(d, rcpt, VERDICT_BOUNCED);
        add_record(d, &d->state->trace, &shown, o, "undeliverable");
        log_outcome(d, &shown, o, "undeliverable");
        return;
    }
    set_verdict(d, rcpt, VERDICT_DEFERRED);
    add_record(d, &d->state->defer, &shown, o, "delayed");
    if (records_all(d))
        add_record(d, &d->state->trace, &shown, o, "delayed");
    log_outcome(d, &shown, o, status);
}

static void take_bounced(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    struct agent_state *st = d->state;
    struct delivery_rcpt shown = shown_rcpt(d, rcpt, o);

    set_verdict(d, rcpt, VERDICT_BOUNCED);
    if (is_probe(d)) {
        add_record(d, &st->trace, &shown, o, "undeliverable");
        log_outcome(d, &shown, o, "undeliverable");
        return;
    }
    add_record(d, &st->bounce, &shown, o, "failed");
    if (records_all(d))
        add_record(d, &st->trace, &shown, o, "failed");
    st->late = grow(d->arena, st->late, st->late_len, &st->late_size, sizeof(*st->late));
    st->late[st->late_len++] = (struct agent_late_line){rcpt, shown, *o};
}

void agent_outcome(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    ensure(rcpt < d->req->rcpts_len);
    struct outcome kept = keep_outcome(d, o);

    filter_status(d, &kept);
    switch (kept.dsn[0]) {
    case '2':
        take_sent(d, rcpt, &kept);
        break;
    case '5':
        if (!mail(d)->soft_bounce || is_probe(d)) {
            take_bounced(d, rcpt, &kept);
            break;
        }
        kept.dsn = arena_printf(d->arena, "4%s", kept.dsn + 1);
        take_deferred(d, rcpt, &kept, "SOFTBOUNCE");
        break;
    default:
        take_deferred(d, rcpt, &kept, "deferred");
        break;
    }
}

// The named functions insist on the class of the status.
static void outcome_of_class(struct delivery *d, size_t rcpt, const struct outcome *o,
                             char digit)
{
    struct outcome fixed = *o;

    if (o->dsn == NULL || o->dsn[0] == 0)
        fixed.dsn = arena_printf(d->arena, "%c.0.0", digit);
    else if (o->dsn[0] != digit)
        fixed.dsn = arena_printf(d->arena, "%c%s", digit, o->dsn + 1);
    agent_outcome(d, rcpt, &fixed);
}

void agent_sent(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    outcome_of_class(d, rcpt, o, '2');
}

void agent_deferred(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    outcome_of_class(d, rcpt, o, '4');
}

void agent_bounced(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    outcome_of_class(d, rcpt, o, '5');
}

// ---- the end of a request
// ----------------------------------------------------------------

static bool send_report(struct delivery *d, const char *service,
                        const struct agent_report *report)
{
    const struct delivery_request *req = d->req;
    struct bounce_request call = {.command = BOUNCE_APPEND,
                                  .queue_name = req->queue_name,
                                  .queue_id = req->queue_id,
                                  .encoding = req->encoding,
                                  .sender = req->sender,
                                  .envelope_id = req->envelope_id,
                                  .dsn_ret = req->dsn_ret,
                                  .send_options = req->send_options,
                                  .trace_flags = req->trace_flags,
                                  .rcpts = report->rcpts,
                                  .rcpts_len = report->len};
    struct error err;

    if (report->len == 0 || bounce_call(mail(d), service, &call, &err))
        return true;
    log_warn("%s: %s", req->queue_id, err.text);
    return false;
}

// Bounced recipients: the log line says so only once the record is safe.
static void finish_bounces(struct delivery *d)
{
    struct agent_state *st = d->state;
    bool recorded = send_report(d, mail(d)->bounce_service_name, &st->bounce);

    for (size_t i = 0; i < st->late_len; i++) {
        struct agent_late_line *line = &st->late[i];

        if (recorded) {
            log_outcome(d, &line->shown, &line->outcome, "bounced");
            continue;
        }
        line->outcome.dsn = "4.3.0";
        line->outcome.text =
            arena_printf(d->arena, "%s or %s service failure", mail(d)->bounce_service_name,
                         mail(d)->trace_service_name);
        set_verdict(d, line->rcpt, VERDICT_DEFERRED);
        add_record(d, &st->defer, &line->shown, &line->outcome, "delayed");
        log_outcome(d, &line->shown, &line->outcome, "deferred");
    }
}

static void defer_forgotten(struct delivery *d)
{
    static const struct outcome forgotten = {.dsn = "4.3.0",
                                             .text = "delivery agent gave no status"};

    for (size_t i = 0; i < d->req->rcpts_len; i++)
        if (d->state->verdicts[i] == VERDICT_NONE)
            agent_deferred(d, i, &forgotten);
}

void agent_state_finish(struct delivery *d, struct delivery_result *result)
{
    struct agent_state *st = d->state;
    struct error err;

    defer_forgotten(d);
    finish_bounces(d);
    // These two only inform: no message is lost without them.
    (void)send_report(d, mail(d)->defer_service_name, &st->defer);
    (void)send_report(d, mail(d)->trace_service_name, &st->trace);

    *result = (struct delivery_result){.destination_dead = st->destination_dead,
                                       .dsn = st->dead_dsn,
                                       .reason = st->dead_reason};
    for (size_t i = 0; i < d->req->rcpts_len; i++) {
        if (st->verdicts[i] == VERDICT_DEFERRED) {
            result->deferred++;
        } else if (st->verdicts[i] == VERDICT_PASSED) {
            result->done++;
        } else if (queue_file_mark_done(d->fd, d->req->rcpts[i].offset, &err)) {
            result->done++;
        } else {
            log_warn("%s: %s", d->req->queue_id, err.text);
            result->deferred++; // it may be delivered again, but it is not lost
        }
    }
}
