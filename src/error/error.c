// error: bounces (service "error") or defers (service "retry") every recipient, for the
// reason that stands in place of the next hop.
#include "service/agent.h"
#include <string.h>

// An RFC 3463 status of the wanted class in front of the text is taken off it.
static const char *split_status(const char *text, char class, char dsn[12])
{
    size_t len = strspn(text, "0123456789.");
    const char *rest = text + len;

    dsn[0] = class;
    memcpy(dsn + 1, ".0.0", 5);
    if (len < 5 || len > 11 || text[1] != '.' || (text[0] != '4' && text[0] != '5') ||
        (*rest != ' ' && *rest != '\0'))
        return text;
    memcpy(dsn, text, len);
    dsn[len] = '\0';
    dsn[0] = class; // the service decides, not the text
    return rest + strspn(rest, " ");
}

static void deliver(struct delivery *d)
{
    bool is_retry = strcmp(service_name(d->svc), "retry") == 0;
    char dsn[12];
    struct outcome o = {.text = split_status(d->req->nexthop, is_retry ? '4' : '5', dsn),
                        .dsn = dsn};

    for (size_t i = 0; i < d->req->rcpts_len; i++) {
        if (is_retry)
            agent_deferred(d, i, &o);
        else
            agent_bounced(d, i, &o);
    }
}

static const struct param no_params[] = {PARAM_END};
static struct {
    char none;
} no_config;

static const struct agent_spec error_agent = {
    .service = {.name = "error",
                .needs = SERVICE_NO_PRIVILEGE,
                .params = no_params,
                .config = &no_config},
    .deliver = deliver,
};

int main(int argc, char **argv)
{
    return agent_main(argc, argv, &error_agent);
}
