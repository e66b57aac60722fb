// trivial-rewrite: answers where addresses lead, for programs whose tables may make them
// wait.
#include "mail/resolve.h"
#include "mail/resolve_client.h"
#include "service/service.h"
#include "table/maps.h"
#include "trivial-rewrite/trivial-rewrite_config.h"
#include "util/log.h"
#include <stdlib.h>

static struct trivial_rewrite_config config;
static struct rewriter *rewriter; // opened before the jail, then only read

struct client {
    struct service *svc;
    struct channel *channel;
    struct loop_io *io;
    struct arena *arena; // of one request
};

static bool open_tables(struct service *svc, struct error *err)
{
    rewriter = rewriter_open_engine(service_config(svc), err);
    return rewriter != NULL;
}

static void client_close(struct client *c)
{
    loop_io_free(c->io);
    channel_close(c->channel);
    arena_free(c->arena);
    free(c);
}

static bool answer(struct client *c, const struct resolve_request *req, struct error *err)
{
    const char **addresses =
        arena_array(c->arena, req->addresses_len + 1, sizeof(*addresses));
    struct resolved *found = arena_array(c->arena, req->addresses_len + 1, sizeof(*found));
    struct resolve_answer *answers =
        arena_array(c->arena, req->addresses_len + 1, sizeof(*answers));
    struct resolve_reply reply = {.answers = answers, .answers_len = req->addresses_len};

    for (size_t i = 0; i < req->addresses_len; i++)
        addresses[i] = req->addresses[i].text;
    if (!resolve_addresses(rewriter, c->arena, req->sender, addresses, req->addresses_len,
                           found, err))
        return false;
    for (size_t i = 0; i < req->addresses_len; i++)
        answers[i] = (struct resolve_answer){found[i].transport, found[i].nexthop,
                                             found[i].recipient, found[i].flags};
    return channel_send(c->channel, &resolve_reply_kind, &reply, err);
}

// One request; false when the connection is over.
static bool serve(struct client *c)
{
    struct resolve_request req;
    struct error err = {0};
    struct str frame;
    uint16_t kind;

    switch (channel_try_receive(c->channel, &kind, &frame, &err)) {
    case CHANNEL_AGAIN:
        return true;
    case CHANNEL_CLOSED:
        return false;
    case CHANNEL_FAILED:
        log_warn("%s", err.text);
        return false;
    case CHANNEL_OK:
        break;
    }
    arena_reset(c->arena);
    if (kind != resolve_request_kind.id) {
        log_warn("bad command %d", (int)kind);
        return false;
    }
    if (!message_decode(c->arena, frame, &resolve_request_kind, &req, &err) ||
        !answer(c, &req, &err)) {
        log_warn("%s", err.text);
        return false;
    }
    service_count_use(c->svc);
    return true;
}

static void ready(int fd, unsigned events, void *arg)
{
    struct client *c = arg;

    (void)fd;
    (void)events;
    (void)maps_refresh_all();
    do {
        if (!serve(c)) {
            client_close(c);
            return;
        }
    } while (channel_has_input(c->channel));
}

static void accept_client(struct service *svc, int fd)
{
    struct client *c = mem_alloc(sizeof(*c));
    const struct mail_config *mail = service_mail(svc);

    c->svc = svc;
    c->arena = arena_new();
    c->channel = channel_open(fd, (int)(1000 * mail->ipc_timeout.seconds));
    c->io = loop_watch(service_loop(svc), fd, LOOP_READ, ready, c);
}

static const struct service_spec trivial_rewrite = {
    .name = "trivial-rewrite",
    .model = SERVICE_EVENT,
    .needs = SERVICE_NO_PRIVILEGE,
    .params = trivial_rewrite_params,
    .config = &config,
    .before_jail = open_tables,
    .on_connect = accept_client,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &trivial_rewrite);
}
