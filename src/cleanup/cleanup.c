// cleanup: completes, rewrites and checks incoming mail, and puts it into the incoming
// queue.
#include "cleanup/cleanup_config.h"
#include "cleanup/session.h"
#include "util/log.h"

static struct cleanup_config config;
static struct cleanup_worker worker; // tables from before_jail, the rest from on_start

static bool open_tables(struct service *svc, struct error *err)
{
    worker.tables = cleanup_tables_open(service_config(svc), &config, err);
    if (worker.tables != NULL && config.non_smtpd_milters[0] != 0)
        log_warn(
            "non_smtpd_milters: mail filters are not supported so far; mail is accepted "
            "without them");
    return worker.tables != NULL;
}

static void start(struct service *svc)
{
    worker.svc = svc;
    worker.cfg = &config;
    worker.mail = service_mail(svc);
    queue_dir_init(&worker.queue, worker.mail);
    worker.flow = flow_open();
    worker.qmgr = qmgr_client_new(worker.mail);
}

static void serve(struct service *svc, int fd)
{
    (void)svc;
    session_serve(&worker, fd);
}

static const struct service_spec cleanup = {
    .name = "cleanup",
    .model = SERVICE_CLIENT,
    .needs = SERVICE_NO_LIMIT | SERVICE_NO_PRIVILEGE,
    .params = cleanup_params,
    .config = &config,
    .before_jail = open_tables,
    .on_start = start,
    .on_client = serve,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &cleanup);
}
