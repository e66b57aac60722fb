// notify: what bounce(8) does for each request: who is told what.
#include "bounce/notify.h"
#include "mail/address.h"
#include "util/log.h"
#include <errno.h>
#include <string.h>
#include <strings.h>

// Bits of the trace_flags attribute that ask for a report about everything.
#define TRACE_USER_VERIFY (1 << 8)
#define TRACE_RECORD (1 << 10)

struct task {
    const struct reporter *r;
    const char *service;
    const struct bounce_request *req;
    struct arena *arena;
    struct bounce_log log;
};

static bool has_class(const struct task *t, const char *name)
{
    struct str rest = str_c(t->r->mail->notify_classes), item;

    while (text_take_element(&rest, &item) && item.ptr != NULL)
        if (str_is_nocase(item, name))
            return true;
    return false;
}

static const char *double_bounce_sender(const struct task *t)
{
    return arena_printf(t->arena, "%s@%s", t->r->mail->double_bounce_sender,
                        t->r->mail->myhostname);
}

// The sender of our own postmaster notices: reports about those go nowhere.
static bool is_double_bounce_sender(const struct task *t)
{
    struct str local, domain;

    address_split(str_c(t->req->sender), &local, &domain);
    return str_is_nocase(local, t->r->mail->double_bounce_sender) &&
           (domain.len == 0 || str_is_nocase(domain, t->r->mail->myhostname) ||
            str_is_nocase(domain, t->r->mail->myorigin));
}

// Recipients whose NOTIFY (RFC 3461 4.1) asks for this kind of report; none said means
// failures and delays.
static void select_rcpts(struct task *t, int64_t wanted, struct report *report)
{
    struct bounce_rcpt *chosen = arena_array(t->arena, t->log.len, sizeof(*chosen));
    size_t len = 0;

    for (size_t i = 0; i < t->log.len; i++) {
        int64_t notify = t->log.rcpts[i].dsn_notify;

        if (notify == 0 || (notify & wanted))
            chosen[len++] = t->log.rcpts[i];
    }
    report->rcpts = chosen;
    report->rcpts_len = len;
}

static void select_all(struct task *t, struct report *report)
{
    report->rcpts = t->log.rcpts;
    report->rcpts_len = t->log.len;
}

// A copy for the postmaster is a courtesy: the message is not held up for it.
static void tell_postmaster(struct task *t, const struct original *o, struct report report,
                            const char *recipient, const char *label)
{
    struct error err;

    report.to_postmaster = true;
    report.sender = double_bounce_sender(t);
    report.recipient = recipient;
    report.log_label = label;
    select_all(t, &report);
    if (!report_send(t->r, o, &report, t->arena, &err))
        log_warn("%s: postmaster notification failed: %s", t->req->queue_id, err.text);
}

static bool tell_sender(struct task *t, const struct original *o, struct report *report,
                        const char *label, struct error *err)
{
    if (report->rcpts_len == 0)
        return true;
    report->sender = "";
    report->recipient = t->req->sender;
    report->log_label = label;
    if (report_send(t->r, o, report, t->arena, err))
        return true;
    return error_prefix(err, "sender notification failed to %s", t->req->sender);
}

// A report that could not be delivered either.
static bool report_double_bounce(struct task *t, const struct original *o,
                                 struct error *err)
{
    struct report report = {.kind = BOUNCE_TEMPLATE_FAILURE,
                            .action = "failed",
                            .to_postmaster = true,
                            .sender = double_bounce_sender(t),
                            .recipient = t->r->cfg->notice_2bounce_recipient,
                            .log_label = "postmaster non-delivery notification"};

    if (!has_class(t, "2bounce"))
        return true;
    select_all(t, &report);
    return report_send(t->r, o, &report, t->arena, err);
}

static bool report_failure(struct task *t, const struct original *o, struct error *err)
{
    struct report report = {.kind = BOUNCE_TEMPLATE_FAILURE, .action = "failed"};

    if (is_double_bounce_sender(t)) {
        log_warn("%s: undeliverable postmaster notification discarded", t->req->queue_id);
        return true;
    }
    if (*t->req->sender == 0)
        return report_double_bounce(t, o, err);
    select_rcpts(t, DSN_FAILURE, &report);
    if (!tell_sender(t, o, &report, "sender non-delivery notification", err))
        return false;
    if (has_class(t, "bounce")) {
        report.headers_only = true;
        tell_postmaster(t, o, report, t->r->cfg->bounce_notice_recipient,
                        "postmaster non-delivery notification");
    }
    return true;
}

static bool report_delay(struct task *t, const struct original *o, struct error *err)
{
    struct report report = {
        .kind = BOUNCE_TEMPLATE_DELAY, .action = "delayed", .headers_only = true};

    if (is_double_bounce_sender(t))
        return true;
    if (*t->req->sender != 0) {
        select_rcpts(t, DSN_DELAY, &report);
        if (!tell_sender(t, o, &report, "sender delay notification", err))
            return false;
    }
    if (has_class(t, "delay"))
        tell_postmaster(t, o, report, t->r->cfg->delay_notice_recipient,
                        "postmaster delay notification");
    return true;
}

static bool report_trace(struct task *t, const struct original *o, struct error *err)
{
    bool everything = (t->req->trace_flags & (TRACE_USER_VERIFY | TRACE_RECORD)) != 0;
    struct report report = {.kind = everything ? BOUNCE_TEMPLATE_VERIFY
                                               : BOUNCE_TEMPLATE_SUCCESS,
                            .headers_only = true};

    if (*t->req->sender == 0 || is_double_bounce_sender(t))
        return true;
    select_all(t, &report);
    return tell_sender(t, o, &report, "sender delivery status notification", err);
}

// ---- commands
// ----------------------------------------------------------------------------

static bool append(struct task *t, struct error *err)
{
    // A defer log only explains. Bounce log and trace log are all that remains of a recipient
    // that is then marked done.
    bool sync = strcmp(t->service, t->r->mail->defer_service_name) != 0;

    return bounce_log_append(&t->r->queue, t->service, t->req->queue_id, t->req->rcpts,
                             t->req->rcpts_len,
                             t->r->mail->backwards_bounce_logfile_compatibility, sync, err);
}

static bool remove_log(struct task *t, struct error *err)
{
    return queue_remove(&t->r->queue, t->service, t->req->queue_id) || errno == ENOENT ||
           error_temp(err, "4.3.0", "remove %s log: %m", t->service);
}

// Those who were told of are not tried again.
static void mark_done(struct task *t, const struct original *o)
{
    struct error err;

    if (o->fd < 0 || !(t->req->flags & BOUNCE_DELRCPT))
        return;
    for (size_t i = 0; i < t->log.len; i++)
        if (t->log.rcpts[i].offset > 0 &&
            !queue_file_mark_done(o->fd, t->log.rcpts[i].offset, &err))
            log_warn("%s: %s", t->req->queue_id, err.text);
}

typedef bool report_function(struct task *t, const struct original *o, struct error *err);

// Reports what the log holds.
static bool report_log(struct task *t, report_function *report, bool removes_log,
                       struct error *err)
{
    struct original o;

    if (!bounce_log_read(&t->r->queue, t->service, t->req->queue_id, t->arena, &t->log,
                         err))
        return false;
    original_open(&o, t->r, t->req, t->arena);
    bool done = t->log.len == 0 || report(t, &o, err);

    if (done && removes_log) {
        mark_done(t, &o);
        done = remove_log(t, err);
    }
    original_close(&o);
    return done;
}

// Reports the recipients of the request itself.
static bool report_request(struct task *t, struct error *err)
{
    struct original o;

    t->log.rcpts = arena_array(t->arena, t->req->rcpts_len, sizeof(*t->log.rcpts));
    if (t->req->rcpts_len > 0)
        memcpy(t->log.rcpts, t->req->rcpts, t->req->rcpts_len * sizeof(*t->log.rcpts));
    t->log.len = t->req->rcpts_len;
    original_open(&o, t->r, t->req, t->arena);
    bool done = t->log.len == 0 || report_failure(t, &o, err);

    if (done)
        mark_done(t, &o);
    original_close(&o);
    return done;
}

bool notify_handle(const struct reporter *r, const char *service,
                   const struct bounce_request *req, struct arena *arena, struct error *err)
{
    struct task t = {.r = r, .service = service, .req = req, .arena = arena};

    switch ((enum bounce_command)req->command) {
    case BOUNCE_APPEND:
        return append(&t, err);
    case BOUNCE_SEND:
        return report_log(&t, report_failure, true, err);
    case BOUNCE_WARN:
        return report_log(&t, report_delay, false, err);
    case BOUNCE_SEND_TRACE:
        return report_log(&t, report_trace, true, err);
    case BOUNCE_ONE:
        return report_request(&t, err);
    case BOUNCE_DELETE:
        return remove_log(&t, err);
    }
    return error_temp(err, "4.3.0", "unknown command %lld", (long long)req->command);
}
