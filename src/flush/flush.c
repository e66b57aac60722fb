// flush: knows which messages wait for a site, and has them delivered when somebody asks.
#include "flush/flush_config.h"
#include "flush/site_log.h"
#include "mail/flush_client.h"
#include "mail/queue_id.h"
#include "service/service.h"
#include "table/match_list.h"
#include "util/log.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct flush_config config;
static struct match_list *domains; // fast_flush_domains

static bool open_tables(struct service *svc, struct error *err)
{
    const struct mail_config *mail = service_mail(svc);

    domains = match_list_open(
        "fast_flush_domains", mail->fast_flush_domains, MATCH_DOMAIN,
        match_parents(mail->parent_domain_matches_subdomains, "fast_flush_domains"), err);
    return domains != NULL;
}

// [1.2.3.4] counts as 1.2.3.4 in the list.
static enum flush_status check_site(const char *site)
{
    char bare[256];
    struct error err;
    size_t len = strlen(site);

    if (len == 0 || len >= sizeof(bare))
        return FLUSH_BAD;
    switch (match_list_find(domains, site, NULL, &err)) {
    case MATCH_YES:
        return FLUSH_OK;
    case MATCH_FAILED:
        return FLUSH_FAIL;
    case MATCH_NO:
        break;
    }
    if (site[0] != '[' || site[len - 1] != ']')
        return FLUSH_DENY;
    memcpy(bare, site + 1, len - 2);
    bare[len - 2] = '\0';
    return match_list_find(domains, bare, NULL, &err) == MATCH_YES ? FLUSH_OK : FLUSH_DENY;
}

static enum flush_status add(struct site_logs *logs, const struct flush_request *req)
{
    enum flush_status status = check_site(req->site);
    struct error err;

    if (status != FLUSH_OK)
        return status;
    if (!queue_id_is_valid(str_c(req->queue_id)))
        return FLUSH_BAD;
    if (site_log_add(logs, req->site, req->queue_id, &err))
        return FLUSH_OK;
    log_warn("%s", err.text);
    return FLUSH_FAIL;
}

static enum flush_status send_site(struct site_logs *logs, const struct flush_request *req)
{
    enum flush_status status = check_site(req->site);
    struct error err;

    if (status != FLUSH_OK)
        return status;
    if (site_log_send(logs, req->site, &err))
        return FLUSH_OK;
    log_warn("%s", err.text);
    return FLUSH_FAIL;
}

// compat: an ID that is not in the queue is no failure.
static enum flush_status send_file(struct site_logs *logs, const struct flush_request *req)
{
    if (!queue_id_is_valid(str_c(req->queue_id)))
        return FLUSH_BAD;
    (void)site_log_send_file(logs, req->queue_id);
    return FLUSH_OK;
}

static void refresh_all(struct site_logs *logs)
{
    site_log_refresh(logs, config.fast_flush_refresh_time.seconds,
                     config.fast_flush_purge_time.seconds);
}

static enum flush_status answer(struct site_logs *logs, const struct flush_request *req)
{
    switch (req->command) {
    case FLUSH_ADD:
        return add(logs, req);
    case FLUSH_SEND_SITE:
        return send_site(logs, req);
    case FLUSH_SEND_FILE:
        return send_file(logs, req);
    case FLUSH_REFRESH:
    case FLUSH_PURGE:
        refresh_all(logs);
        return FLUSH_OK;
    default:
        return FLUSH_BAD;
    }
}

static void serve_requests(struct service *svc, struct site_logs *logs, int fd)
{
    struct channel *ch =
        channel_open(fd, (int)service_mail(svc)->ipc_timeout.seconds * 1000);
    struct arena *arena = arena_new();
    struct flush_request req;
    struct flush_reply reply;
    struct error err;

    while (channel_receive(ch, arena, &flush_request_kind, &req, &err) == CHANNEL_OK) {
        reply.status = answer(logs, &req);
        if (!channel_send(ch, &flush_reply_kind, &reply, &err))
            break;
        service_alive(svc);
        arena_reset(arena);
    }
    arena_free(arena);
    channel_close(ch);
}

// master's wake-up call is a single byte; a request is never that short.
static bool is_wakeup(int fd)
{
    char bytes[4];

    return recv(fd, bytes, sizeof(bytes), MSG_PEEK) == 1;
}

static void serve(struct service *svc, int fd)
{
    const struct mail_config *mail = service_mail(svc);
    struct queue_dir dir;
    struct site_logs logs = {.dir = &dir, .qmgr = qmgr_client_new(mail)};

    queue_dir_init(&dir, mail);
    if (is_wakeup(fd)) {
        refresh_all(&logs);
        close(fd);
    } else {
        serve_requests(svc, &logs, fd);
    }
    qmgr_client_free(logs.qmgr);
}

static const struct service_spec flush = {
    .name = "flush",
    .model = SERVICE_CLIENT,
    .needs = SERVICE_NO_PRIVILEGE | SERVICE_NO_NETWORK,
    .params = flush_params,
    .config = &config,
    .before_jail = open_tables,
    .on_client = serve,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &flush);
}
