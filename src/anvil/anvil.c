// anvil: counts what each client does, so that servers with one client each can set limits.
#include "anvil/anvil_config.h"
#include "anvil/counters.h"
#include "ipc/channel.h"
#include "service/service.h"
#include "util/log.h"
#include <stdlib.h>

static struct anvil_config config;

struct anvil {
    struct service *service;
    struct counters *counters;
    struct loop_timer *report, *sweep;
};
static struct anvil anvil;

// A server process. The client that it said is connected is connected as long as the
// process does not say otherwise, and lives.
struct server {
    struct channel *channel;
    struct loop_io *io;
    struct client_counts *client;
    struct arena *arena;
};

static void drop_client(struct server *s)
{
    if (s->client != NULL)
        counters_disconnect(s->client);
    s->client = NULL;
}

static void drop_server(struct server *s)
{
    drop_client(s);
    loop_io_free(s->io);
    channel_close(s->channel);
    arena_free(s->arena);
    free(s);
    service_count_use(anvil.service);
}

static void count(struct server *s, const struct anvil_request *req,
                  struct anvil_reply *reply)
{
    int64_t now = clock_ms();

    *reply = (struct anvil_reply){0};
    if (req->event == ANVIL_DISCONNECT || req->event == ANVIL_CONNECT)
        drop_client(s);
    if (req->event == ANVIL_DISCONNECT)
        return;
    if (req->event < 0 || req->event > ANVIL_AUTH) {
        log_warn("unrecognized request: %lld, ignored", (long long)req->event);
        return;
    }
    struct client_counts *client =
        counters_find(anvil.counters, req->service, req->client, now);

    counters_add(anvil.counters, client, (enum anvil_event)req->event, now, reply);
    if (req->event == ANVIL_CONNECT)
        s->client = client;
}

static bool answer(struct server *s, uint16_t kind, struct str frame)
{
    struct anvil_request req;
    struct anvil_reply reply;
    struct error err;
    size_t unsent;

    arena_reset(s->arena);
    if (kind != anvil_request_kind.id ||
        !message_decode(s->arena, frame, &anvil_request_kind, &req, &err))
        return false;
    count(s, &req, &reply);
    // An answer is a few bytes to somebody who waits for it: no room for them is a fault.
    return channel_put(s->channel, &anvil_reply_kind, &reply, &err) &&
           channel_try_flush(s->channel, &unsent, &err) && unsent == 0;
}

static void readable(int fd, unsigned events, void *arg)
{
    struct server *s = arg;
    uint16_t kind;
    struct str frame;
    struct error err;

    (void)fd;
    (void)events;
    for (;;) {
        enum channel_result result = channel_try_receive(s->channel, &kind, &frame, &err);

        if (result == CHANNEL_AGAIN)
            return;
        if (result != CHANNEL_OK || !answer(s, kind, frame)) {
            drop_server(s);
            return;
        }
    }
}

static void on_connect(struct service *svc, int fd)
{
    struct server *s = mem_alloc(sizeof(*s));

    s->arena = arena_new();
    s->channel = channel_open(fd, 1000);
    s->io = loop_watch(service_loop(svc), fd, LOOP_READ, readable, s);
}

static void report(void *arg)
{
    (void)arg;
    counters_report(anvil.counters);
    loop_timer_set(anvil.report, (int64_t)config.anvil_status_update_time.seconds * 1000);
}

static void sweep(void *arg)
{
    (void)arg;
    counters_sweep(anvil.counters, clock_ms());
    loop_timer_set(anvil.sweep, (int64_t)config.anvil_rate_time_unit.seconds * 1000);
}

static void on_start(struct service *svc)
{
    anvil.service = svc;
    anvil.counters = counters_new(config.anvil_rate_time_unit.seconds);
    anvil.report = loop_timer_new(service_loop(svc), report, NULL);
    anvil.sweep = loop_timer_new(service_loop(svc), sweep, NULL);
    report(NULL);
    sweep(NULL);
}

static void on_drain(struct service *svc)
{
    counters_report(anvil.counters);
    service_exit(svc);
}

static const struct service_spec spec = {
    .name = "anvil",
    .model = SERVICE_EVENT,
    .needs = SERVICE_ONE_PROCESS | SERVICE_NO_PRIVILEGE | SERVICE_NO_NETWORK |
             SERVICE_NO_FORK_WORKERS | SERVICE_STAYS,
    .params = anvil_params,
    .config = &config,
    .on_start = on_start,
    .on_connect = on_connect,
    .on_drain = on_drain,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &spec);
}
