// forward: new messages for addresses that are not delivered to right here.
#include "local/job.h"
#include "mail/address.h"
#include "mail/mail_copy.h"
#include "mail/mail_date.h"
#include "util/log.h"
#include <errno.h>

static struct forward *find_forward(const struct task *t)
{
    struct job *job = t->job;
    bool is_list = t->owner != NULL;

    for (struct forward *f = job->forwards; f != NULL; f = f->next)
        if (strcmp(f->sender, t->sender) == 0 && f->is_list == is_list)
            return f;
    struct forward *f = ARENA_NEW(job->arena, struct forward);
    f->sender = t->sender;
    f->is_list = is_list;
    f->part = t->address;
    f->next = job->forwards;
    job->forwards = f;
    return f;
}

void forward_add(const struct task *t, const char *address)
{
    struct job *job = t->job;
    const struct delivery_rcpt *rcpt = &job->d->req->rcpts[job->rcpt];

    if (task_is_probe(t)) {
        task_report(t, "2.0.0", "forwards to %s", address);
        return;
    }
    if (seen_before(job, 'A', arena_lower(job->arena, str_c(address))))
        return;
    struct forward *f = find_forward(t);
    if (f->rcpts_len == f->rcpts_room) {
        size_t room = f->rcpts_room == 0 ? 8 : 2 * f->rcpts_room;
        struct cleanup_rcpt *rcpts = arena_array(job->arena, room, sizeof(*rcpts));

        if (f->rcpts_len > 0)
            memcpy(rcpts, f->rcpts, f->rcpts_len * sizeof(*rcpts));
        f->rcpts = rcpts;
        f->rcpts_room = room;
    }
    // RFC 3461 5.2.7.3: a list takes the message over; its sender is told no more.
    f->rcpts[f->rcpts_len++] = (struct cleanup_rcpt){
        .address = address,
        .orig = f->is_list              ? ""
                : rcpt->orig[0] != '\0' ? rcpt->orig
                                        : rcpt->address,
        .dsn_orcpt = f->is_list ? "" : rcpt->dsn_orcpt,
        .dsn_notify = f->is_list ? 0 : rcpt->dsn_notify & ~DSN_SUCCESS,
    };
}

static bool to_cleanup(void *ctx, const char *data, size_t len)
{
    struct local *local = ctx;

    if (cleanup_content(local->cleanup, str_n(data, len), NULL))
        return true;
    errno = EPIPE;
    return false;
}

static struct cleanup_envelope describe(const struct task *t, const struct forward *f,
                                        struct cleanup_attr *attrs, size_t attrs_max)
{
    const struct delivery_request *req = t->job->d->req;
    const struct cleanup_attr known[] = {
        {"log_ident",          req->log_ident     },
        {"rewrite_context",    "local"            },
        {"sasl_method",        req->sasl_method   },
        {"sasl_username",      req->sasl_username },
        {"sasl_sender",        req->sasl_sender   },
        {"log_client_name",    req->client_name   },
        {"log_client_address", req->client_address},
        {"log_client_port",    req->client_port   },
        {"log_protocol_name",  req->client_proto  },
        {"log_helo_name",      req->client_helo   },
    };
    struct moment now = moment_now();
    struct cleanup_envelope env = {
        .flags = CLEANUP_INTERNAL,
        .arrival_sec = now.sec,
        .arrival_usec = now.usec,
        .sender = f->sender,
        .envelope_id = f->is_list ? "" : req->envelope_id,
        .encoding = req->encoding,
        .dsn_ret = f->is_list ? 0 : req->dsn_ret,
        .trace_flags = req->trace_flags,
        .send_options = req->send_options,
        .attrs = attrs,
        .rcpts = f->rcpts,
        .rcpts_len = f->rcpts_len,
    };

    for (size_t i = 0; i < COUNT(known) && env.attrs_len < attrs_max; i++)
        if (known[i].value != NULL && known[i].value[0] != '\0')
            attrs[env.attrs_len++] = known[i];
    return env;
}

// Each hop says so in the header, or a loop would never be noticed.
static bool put_received(struct local *local, struct arena *arena, const char *id,
                         struct error *err)
{
    char date[MAIL_DATE_SIZE];

    mail_date_format(date, moment_now().sec);
    return cleanup_content(
        local->cleanup,
        str_c(arena_printf(arena, "Received: by %s (%s)\n\tid %s; %s\n",
                           local->mail->myhostname, local->mail->mail_name, id, date)),
        err);
}

static bool submit(const struct task *t, const struct forward *f, char id[64],
                   struct cleanup_result *result, struct error *err)
{
    struct local *local = t->job->local;
    struct cleanup_attr attrs[16];
    struct cleanup_envelope env = describe(t, f, attrs, COUNT(attrs));
    struct mail_format format = {0};

    if (local->delivered_headers & DELIVERED_FORWARD)
        format.delivered_to = address_quote(t->job->arena, t->delivered_to);
    if (local->cleanup == NULL)
        local->cleanup = cleanup_client_open(local->mail, err);
    if (local->cleanup == NULL || !cleanup_begin(local->cleanup, id, err) ||
        !cleanup_send_envelope(local->cleanup, &env, err) ||
        !put_received(local, t->job->arena, id, err))
        return false;
    switch (mail_copy(t->job->arena, t->job->d->fd, t->job->d->req->data_offset, &format,
                      to_cleanup, local, err)) {
    case MAIL_COPY_OK:
        return cleanup_commit(local->cleanup, NULL, t->job->arena, result, err);
    case MAIL_COPY_SOURCE:
        cleanup_abort(local->cleanup);
        return false;
    case MAIL_COPY_SINK:
        break;
    }
    return error_temp(err, "4.3.0", "lost connection with the cleanup service");
}

static const struct {
    int64_t status;
    const char *dsn, *text;
} refusals[] = {
    {CLEANUP_TOO_BIG,  "5.3.4", "message size exceeds fixed limit"},
    {CLEANUP_HOPS,     "5.4.0", "too many hops"                   },
    {CLEANUP_REJECTED, "5.7.1", "message content rejected"        },
    {CLEANUP_NO_RCPTS, "5.1.0", "no recipients specified"         },
};

static void report_refusal(const struct task *t, const struct cleanup_result *result)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        if (refusals[i].status == result->status) {
            task_report(t, refusals[i].dsn, "%s",
                        result->reason[0] != '\0' ? result->reason : refusals[i].text);
            return;
        }
    }
    task_report(t, "4.3.0", "mail forwarding failed: %s",
                result->reason[0] != '\0' ? result->reason : "queue file write error");
}

static void finish_one(const struct task *t, const struct forward *f)
{
    struct cleanup_result result = {.reason = ""};
    struct error err = {0};
    char id[64];

    service_alive(t->job->d->svc);
    if (!submit(t, f, id, &result, &err)) {
        cleanup_client_close(t->job->local->cleanup);
        t->job->local->cleanup = NULL;
        err.dsn[0] = '\0';
        task_report_error(t, &err, "mail forwarding failed: ");
    } else if (result.status != CLEANUP_OK) {
        report_refusal(t, &result);
    } else {
        task_report_forwarded(t, id);
    }
}

void forward_finish(const struct task *t)
{
    // What has to be tried again forwards nothing now, or each attempt would send a copy.
    if (t->job->deferred)
        return;
    for (struct forward *f = t->job->forwards; f != NULL; f = f->next) {
        struct task named = *t;

        named.address = f->part;
        finish_one(&named, f);
    }
}
