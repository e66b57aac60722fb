// smtp: delivers mail over SMTP, or (when called lmtp) over LMTP.
#include "service/agent.h"
#include "smtp/context.h"
#include "smtp/deliver.h"
#include "smtp/pool.h"

static struct smtp_config config;   // filled before the first request, then only read
static struct smtp_context context; // the same, and the sessions that are kept

static bool prepare(struct service *svc, struct error *err)
{
    context.cfg = &config;
    context.mail = service_mail(svc);
    return smtp_context_init(&context, service_args(svc), err);
}

static void deliver(struct delivery *d)
{
    smtp_deliver(&context, d);
}

static void expire_sessions(struct service *svc)
{
    (void)svc;
    (void)session_pool_expire(context.pool);
}

static void end_sessions(struct service *svc)
{
    (void)svc;
    session_pool_clear(context.pool);
}

#define AGENT(program, rows)                                                               \
    {                                                                                      \
        .service = {.name = program,                                                       \
                    .model = SERVICE_CLIENT,                                               \
                    .needs = SERVICE_NO_PRIVILEGE,                                         \
                    .params = rows,                                                        \
                    .config = &config,                                                     \
                    .before_jail = prepare},                                               \
        .deliver = deliver, .on_idle = expire_sessions, .on_leave = end_sessions,          \
    }

static const struct agent_spec smtp_agent = AGENT("smtp", smtp_params);
static const struct agent_spec lmtp_agent = AGENT("lmtp", lmtp_params);

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = argc == 0 ? "smtp" : slash != NULL ? slash + 1 : argv[0];

    context.lmtp = strcmp(name, "lmtp") == 0;
    return agent_main(argc, argv, context.lmtp ? &lmtp_agent : &smtp_agent);
}
