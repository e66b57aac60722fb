// agent: the loop that every delivery agent shares: one connection of the queue manager,
// many requests over it.
#include "service/agent.h"
#include "service/agent_impl.h"
#include "service/service_impl.h"
#include "util/file.h"
#include "util/log.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// How long an agent keeps its cached connections without a request.
#define IDLE_MS 2000

// Set once by agent_main: the skeleton's callbacks carry no pointer of ours.
static const struct agent_spec *agent;
static struct maps *status_filter;

// PROGRAM_delivery_status_filter, else the default for all.
static bool open_status_filter(struct service *svc, struct error *err)
{
    const char *program = agent->service.name;
    char name[64];

    snprintf(name, sizeof(name), "%s_delivery_status_filter", program);
    const char *text = config_named_text(service_config(svc), name);

    if (text == NULL)
        text = service_mail(svc)->default_delivery_status_filter;
    status_filter = maps_open("delivery_status_filter", text, 0, err);
    return status_filter != NULL;
}

static bool before_jail(struct service *svc, struct error *err)
{
    return open_status_filter(svc, err) &&
           (agent->service.before_jail == NULL || agent->service.before_jail(svc, err));
}

static bool wants_to_leave(struct service *svc)
{
    return svc->exiting || service_is_draining(svc);
}

enum waited { WAITED_REQUEST, WAITED_IDLE, WAITED_LEAVE };

// Waits for the queue manager's next request, or for master's word to leave.
static enum waited wait_request(struct service *svc, struct channel *ch, int64_t wait_ms)
{
    struct pollfd fds[2] = {
        {.fd = channel_fd(ch),                   .events = POLLIN},
        {.fd = svc->under_master ? LIFE_FD : -1, .events = POLLIN}
    };

    if (channel_has_input(ch))
        return WAITED_REQUEST;
    int ready = poll(fds, COUNT(fds), (int)wait_ms);

    if (ready > 0 && fds[0].revents != 0)
        return WAITED_REQUEST;
    if (ready > 0 || wants_to_leave(svc))
        return WAITED_LEAVE;
    return WAITED_IDLE;
}

static void deliver_one(struct service *svc, struct arena *arena,
                        const struct delivery_request *req, int fd,
                        struct delivery_result *result)
{
    struct delivery d = {.req = req, .fd = fd, .arena = arena, .svc = svc};

    agent_state_start(&d, status_filter);
    agent->deliver(&d);
    agent_state_finish(&d, result);
}

// Receives a request, delivers, answers. False when the connection is of no more use.
static bool serve_request(struct service *svc, struct channel *ch, struct arena *arena,
                          struct delivery_result *result)
{
    struct delivery_request req;
    struct error err;
    enum channel_result got =
        channel_receive(ch, arena, &delivery_request_kind, &req, &err);

    if (got == CHANNEL_CLOSED)
        return false;
    if (got != CHANNEL_OK) {
        log_warn("delivery request: %s", err.text);
        return false;
    }
    int fd = channel_take_fd(ch);

    if (fd < 0) {
        log_warn("%s: delivery request without queue file", req.queue_id);
        return false;
    }
    // The queue manager locked the open file that this descriptor shares with it: as long
    // as it is open, a restarted queue manager leaves the message to us.
    service_alive(svc);
    maps_refresh_all();
    deliver_one(svc, arena, &req, fd, result);
    svc->served++;
    result->last = svc->served >= svc->max_use || wants_to_leave(svc);
    // The lock ends before the queue manager hears of the result, so that it can delete or
    // move the file.
    close(fd);
    bool sent = channel_send(ch, &delivery_result_kind, result, &err);

    if (!sent)
        log_warn("%s: tell queue manager: %s", req.queue_id, err.text);
    return sent && !result->last;
}

static void idle(struct service *svc)
{
    if (agent->on_idle != NULL)
        agent->on_idle(svc);
    maps_refresh_all();
}

static void on_client(struct service *svc, int client)
{
    const struct mail_config *mail = service_mail(svc);
    struct channel *ch = channel_open(client, (int)mail->ipc_timeout.seconds * 1000);
    struct delivery_ready ready = {.version = DELIVERY_VERSION};
    int64_t idle_ms = 0, limit_ms = svc->max_idle_s * 1000;
    struct arena *arena = arena_new();
    bool goes_on = channel_send(ch, &delivery_ready_kind, &ready, NULL);

    while (goes_on) {
        struct delivery_result result;

        switch (wait_request(svc, ch, IDLE_MS)) {
        case WAITED_REQUEST:
            idle_ms = 0;
            goes_on = serve_request(svc, ch, arena, &result);
            break;
        case WAITED_IDLE:
            idle_ms += IDLE_MS;
            idle(svc);
            service_alive(svc);
            goes_on = idle_ms < limit_ms;
            break;
        case WAITED_LEAVE:
            goes_on = false;
            break;
        }
        arena_reset(arena);
    }
    arena_free(arena);
    channel_close(ch);
    if (agent->on_leave != NULL)
        agent->on_leave(svc);
    idle(svc);
}

int agent_main(int argc, char **argv, const struct agent_spec *spec)
{
    struct service_spec service = spec->service;

    agent = spec;
    service.model = SERVICE_CLIENT;
    service.on_client = on_client;
    service.before_jail = before_jail;
    return service_main(argc, argv, &service);
}
