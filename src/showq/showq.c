// showq: streams the state of the queue to whoever connects.
//
// compat: the protocol on public/showq is read by programs of others: attributes as
// "name NUL value NUL", a NUL behind each list. Pinned by tests/e2e/test_queue_tools.py.
#include "mail/queue_list.h"
#include "service/service.h"
#include "showq/showq_config.h"
#include <stdio.h>

static struct showq_config config;

static bool put(struct stream *s, const char *name, const char *value)
{
    // The terminating NUL of each belongs to the protocol.
    return stream_write(s, str_n(name, strlen(name) + 1)) == STREAM_OK &&
           stream_write(s, str_n(value, strlen(value) + 1)) == STREAM_OK;
}

static bool put_number(struct stream *s, const char *name, int64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    return put(s, name, text);
}

static bool put_end(struct stream *s)
{
    return stream_write(s, str_n("", 1)) == STREAM_OK;
}

static bool put_message(void *ctx, const char *queue, const char *id, int64_t arrival,
                        int64_t size, bool forced_expire, const char *sender)
{
    return put(ctx, "queue_name", queue) && put(ctx, "queue_id", id) &&
           put_number(ctx, "time", arrival) && put_number(ctx, "size", size) &&
           put_number(ctx, "forced_expire", forced_expire) && put(ctx, "sender", sender);
}

static bool put_rcpt(void *ctx, const struct listed_rcpt *rcpt)
{
    return put(ctx, "recipient", rcpt->address) && put(ctx, "reason", rcpt->reason);
}

static bool put_message_end(void *ctx)
{
    return put_end(ctx);
}

static const struct queue_lister lister = {put_message, put_rcpt, put_message_end};

static void serve(struct service *svc, int fd)
{
    const struct mail_config *mail = service_mail(svc);
    struct stream *s = stream_open(fd);
    struct queue_dir dir;

    stream_set_timeout(s, (int)mail->ipc_timeout.seconds);
    queue_dir_init(&dir, mail);
    if (put(s, "protocol", "mail_queue_list_protocol") && put_end(s)) {
        queue_list(&dir, mail->empty_address_recipient, config.duplicate_filter_limit,
                   &lister, s);
        if (put_end(s))
            (void)stream_flush(s);
    }
    stream_close(s);
}

static const struct service_spec showq = {
    .name = "showq",
    .model = SERVICE_CLIENT,
    .needs = SERVICE_NO_PRIVILEGE | SERVICE_NO_NETWORK,
    .params = showq_params,
    .config = &config,
    .on_client = serve,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &showq);
}
