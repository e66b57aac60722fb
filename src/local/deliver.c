// deliver: one request: each recipient with all that it expands to.
#include "local/job.h"
#include "util/log.h"
#include "util/text.h"

// Delivered-To addresses in the header: where this message has been.
static void read_delivered(struct job *job)
{
    struct content_reader *in =
        content_open(job->d->fd, job->d->req->data_offset, job->arena);
    struct error err = {0};
    struct str text;
    bool ends, at_start = true;

    while (content_next(in, &text, &ends, &err) && !(at_start && text.len == 0)) {
        if (at_start && str_starts_nocase(text, "Delivered-To:"))
            text_list_add(job->arena, &job->delivered,
                          arena_text(job->arena, str_trim(str_from(
                                                     text, sizeof("Delivered-To:") - 1))));
        at_start = ends;
    }
}

static void deliver_one(struct local *local, struct delivery *d, size_t rcpt,
                        const struct text_list *delivered)
{
    struct job job = {
        .local = local, .d = d, .rcpt = rcpt, .arena = d->arena, .delivered = *delivered};
    struct task task = {.job = &job,
                        .sender = d->req->sender,
                        .actor = local->default_actor,
                        .unmatched = "",
                        .source = NULL};

    job.seen = seen_new(d->arena, local->cfg->duplicate_filter_limit);
    task_set_address(&task, d->req->rcpts[rcpt].address);
    task.delivered_to = task.address;
    deliver_recipient(task);
    forward_finish(&task);
    // Nothing at all came of it: :include: files that are empty, say.
    if (!agent_is_decided(d, rcpt))
        task_report(&task, "2.0.0", "no destinations left");
}

void local_deliver(struct local *local, struct delivery *d)
{
    struct job reader = {.d = d, .arena = d->arena};

    read_delivered(&reader);
    for (size_t i = 0; i < d->req->rcpts_len; i++) {
        service_alive(d->svc);
        deliver_one(local, d, i, &reader.delivered);
    }
}
