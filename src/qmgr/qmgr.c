// qmgr: takes messages from the queue and has delivery agents deliver them.
#include "mail/bounce_client.h"
#include "mail/delivery.h"
#include "qmgr/agents.h"
#include "qmgr/manager.h"
#include "qmgr/requests.h"
#include "qmgr/scan.h"
#include "util/log.h"
#include <signal.h>
#include <sys/resource.h>

static struct qmgr_config config;
static struct qmgr manager;

// Queue files are kept open while their message is in work, as far as the system lets us.
static size_t raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 100;
    limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 100;
    return limit.rlim_cur / 2;
}

static bool open_tables(struct service *svc, struct error *err)
{
    struct qmgr *qm = &manager;
    const struct mail_config *mail = service_mail(svc);

    qm->arena = arena_new();
    qm->rewriter = rewriter_open(service_config(svc), err);
    if (qm->rewriter == NULL)
        return false;
    qm->flush_domains = match_list_open(
        "fast_flush_domains", mail->fast_flush_domains, MATCH_DOMAIN,
        match_parents(mail->parent_domain_matches_subdomains, "fast_flush_domains"), err);
    return qm->flush_domains != NULL &&
           text_list_parse(qm->arena, config.defer_transports, &qm->defer_transports, err);
}

static void start(struct service *svc)
{
    struct qmgr *qm = &manager;
    struct error err;

    qm->svc = svc;
    qm->loop = service_loop(svc);
    qm->cfg = &config;
    qm->mail = service_mail(svc);
    qm->backoff =
        (struct backoff_rules){config.minimal_backoff_time, config.maximal_backoff_time,
                               config.maximal_queue_lifetime, config.bounce_queue_lifetime};
    qm->started_sec = moment_now().sec;
    qm->open_files_max = raise_file_limit();
    service_set_watchdog(svc, config.qmgr_daemon_timeout);
    queue_dir_init(&qm->dir, qm->mail);
    sched_init(&qm->sched);
    calls_init(&qm->calls, qm->loop, (int)qm->mail->ipc_timeout.seconds * 1000,
               (int)qm->mail->ipc_idle.seconds * 1000);
    qm->flow = flow_create(&err);
    if (qm->flow == NULL)
        log_warn("%s", err.text);
    scan_recover_active(qm);
    scan_start(qm, &qm->incoming);
    scan_start(qm, &qm->deferred);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

// Before each wait: take what there is room for, hand out what may go.
static int64_t before_wait(struct service *svc)
{
    struct qmgr *qm = &manager;
    int64_t now = clock_ms();

    (void)svc;
    if (now >= qm->next_deferred_ms)
        scan_start(qm, &qm->deferred);
    if (qm->retry_incoming_ms != 0 && now >= qm->retry_incoming_ms) {
        qm->retry_incoming_ms = 0;
        scan_start(qm, &qm->incoming);
    }
    bool more = scan_feed(qm);
    int64_t wait = sched_tick(&qm->sched, clock_ms());

    agents_dispatch_all(qm);
    if (more)
        return 0;
    if (qm->retry_incoming_ms != 0)
        wait = sooner(wait, qm->retry_incoming_ms > now ? qm->retry_incoming_ms - now : 0);
    return sooner(wait, qm->next_deferred_ms > now ? qm->next_deferred_ms - now : 0);
}

static void connected(struct service *svc, int fd)
{
    (void)svc;
    requests_serve(&manager, fd);
}

// What agents have in work goes on; the next queue manager leaves those files alone until
// the agents are done, because the lock is on the open file that they hold.
static void drain(struct service *svc)
{
    service_exit(svc);
}

static const struct service_spec qmgr = {
    .name = "qmgr",
    .model = SERVICE_EVENT,
    .needs = SERVICE_ONE_PROCESS | SERVICE_NO_PRIVILEGE | SERVICE_NO_FORK_WORKERS |
             SERVICE_STAYS,
    .params = qmgr_params,
    .config = &config,
    .before_jail = open_tables,
    .on_start = start,
    .on_connect = connected,
    .on_idle = before_wait,
    .on_drain = drain,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &qmgr);
}
