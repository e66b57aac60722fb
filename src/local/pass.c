// pass: handing a recipient to another delivery agent, as the queue manager would.
#include "local/job.h"
#include "mail/address.h"
#include "util/log.h"

// "transport", "transport:nexthop"; without a next hop it is the recipient's domain.
static void split(const struct task *t, const char *text, const char **transport,
                  const char **nexthop)
{
    const char *colon = strchr(text, ':');

    *transport = colon == NULL
                     ? text
                     : arena_text(t->job->arena, str_n(text, (size_t)(colon - text)));
    *nexthop = colon != NULL && colon[1] != '\0' ? colon + 1 : t->domain;
}

static bool exchange(const struct task *t, struct channel *ch,
                     const struct delivery_request *req, struct delivery_result *result,
                     struct error *err)
{
    struct arena *arena = t->job->arena;
    struct delivery_ready ready;

    return channel_receive(ch, arena, &delivery_ready_kind, &ready, err) == CHANNEL_OK &&
           channel_put(ch, &delivery_request_kind, req, err) &&
           channel_put_fd(ch, t->job->d->fd, err) && channel_flush(ch, err) &&
           channel_receive(ch, arena, &delivery_result_kind, result, err) == CHANNEL_OK;
}

void deliver_pass(const struct task *t, const char *text)
{
    struct job *job = t->job;
    struct delivery_request req = *job->d->req;
    struct delivery_rcpt rcpt = req.rcpts[job->rcpt];
    struct delivery_result result = {0};
    struct error err = {0};
    const char *transport;

    split(t, text, &transport, &req.nexthop);
    if (rcpt.orig[0] == '\0')
        rcpt.orig = rcpt.address;
    rcpt.address = t->address;
    req.rcpts = &rcpt;
    req.rcpts_len = 1;
    req.sender = t->sender;
    service_alive(job->d->svc);
    log_info("%s: passing <%s> to transport=%s", req.queue_id, t->address, transport);
    struct channel *ch =
        channel_connect(arena_printf(job->arena, "private/%s", transport),
                        (int)job->local->mail->daemon_timeout.seconds * 1000, &err);
    bool done = ch != NULL && exchange(t, ch, &req, &result, &err);
    channel_close(ch);
    if (!done) {
        log_warn("transport %s: %s", transport, err.text);
        task_report(t, "4.3.0", "mail transport unavailable");
    } else if (result.deferred == 0 && result.done == 0) {
        task_report(t, result.dsn[0] == '4' ? result.dsn : "4.3.0", "%s",
                    result.reason[0] != '\0' ? result.reason
                                             : "mail transport unavailable");
    } else {
        job->deferred = job->deferred || result.deferred > 0;
        agent_passed(job->d, job->rcpt, result.deferred > 0);
    }
}
