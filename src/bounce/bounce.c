// bounce: keeps the bounce, defer and trace logs, and turns them into reports. One program
// for the three services: its name in master.cf says which log it keeps.
#include "bounce/notify.h"
#include "mail/queue_id.h"
#include "service/service.h"
#include "util/log.h"
#include <string.h>

static struct bounce_config config;
static struct bounce_templates templates;

static bool load_templates(struct service *svc, struct error *err)
{
    (void)svc;
    // For the life of the process: the texts stay in use.
    return bounce_templates_load(&templates, arena_new(), config.bounce_template_file, err);
}

static struct bounce_reply answer(struct service *svc, const struct bounce_request *req,
                                  struct arena *arena)
{
    struct reporter r = {.config = service_config(svc),
                         .mail = service_mail(svc),
                         .cfg = &config,
                         .templates = &templates};
    struct error err;

    // They become paths.
    if (!queue_id_is_valid(str_c(req->queue_id)) ||
        !queue_id_is_valid(str_c(req->queue_name))) {
        log_warn("request with malformed queue name or ID");
        return (struct bounce_reply){.status = 1};
    }
    queue_dir_init(&r.queue, r.mail);
    if (notify_handle(&r, service_name(svc), req, arena, &err))
        return (struct bounce_reply){.status = 0};
    log_warn("%s: %s", req->queue_id, err.text);
    return (struct bounce_reply){.status = 1};
}

static void serve(struct service *svc, int fd)
{
    struct channel *ch =
        channel_open(fd, (int)service_mail(svc)->ipc_timeout.seconds * 1000);
    struct arena *arena = arena_new();
    struct bounce_request req;
    struct error err;
    enum channel_result got;

    while ((got = channel_receive(ch, arena, &bounce_request_kind, &req, &err)) ==
           CHANNEL_OK) {
        struct bounce_reply reply = answer(svc, &req, arena);

        if (!channel_send(ch, &bounce_reply_kind, &reply, &err)) {
            log_warn("%s: %s", req.queue_id, err.text);
            break;
        }
        service_alive(svc);
        arena_reset(arena);
    }
    if (got == CHANNEL_FAILED)
        log_warn("%s", err.text);
    arena_free(arena);
    channel_close(ch);
}

static const struct service_spec bounce = {
    .name = "bounce",
    .model = SERVICE_CLIENT,
    .needs = SERVICE_NO_PRIVILEGE,
    .params = bounce_params,
    .config = &config,
    .before_jail = load_templates,
    .on_client = serve,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &bounce);
}
