// discard: says that mail was delivered, and drops it. The next hop is the text that is
// logged.
#include "service/agent.h"

static void deliver(struct delivery *d)
{
    struct outcome o = {.dsn = "2.0.0", .text = d->req->nexthop};

    for (size_t i = 0; i < d->req->rcpts_len; i++)
        agent_sent(d, i, &o);
}

static const struct param no_params[] = {PARAM_END};
static struct {
    char none;
} no_config;

static const struct agent_spec discard_agent = {
    .service = {.name = "discard",
                .needs = SERVICE_NO_PRIVILEGE,
                .params = no_params,
                .config = &no_config},
    .deliver = deliver,
};

int main(int argc, char **argv)
{
    return agent_main(argc, argv, &discard_agent);
}
