// deliver: a request from the queue manager: which hosts to try, and in which order.
#include "smtp/deliver.h"
#include "smtp/greet.h"
#include "smtp/pool.h"
#include "smtp/transaction.h"
#include "util/log.h"

enum { SMTP_PORT = 25 };

// The next hops to go through: the request's own, and behind them smtp_fallback_relay's.
struct route {
    struct text_list sites;
    size_t own_len;
};

struct attempt {
    struct job job;
    struct route route;
    size_t site;
    struct target target;
    long sessions;           // made so far
    const char *reused_host; // address of a kept session that was tried: not again
};

static void fail_with(struct attempt *a, const struct error *err, bool site)
{
    job_fail_open(&a->job, failure_make(&a->job, err, site));
}

static bool is_on_cache_list(const struct smtp_context *c, const char *destination)
{
    struct error err;

    return c->cache_destinations != NULL &&
           match_list_find(c->cache_destinations, destination, NULL, &err) == MATCH_YES;
}

static bool may_reuse(const struct smtp_context *c, const struct delivery_request *req,
                      const char *destination, int64_t flag)
{
    return (c->cfg->connection_cache_on_demand && (req->flags & flag)) ||
           is_on_cache_list(c, destination);
}

// Decided before the message's final dot, because QUIT goes out with it.
static bool may_keep(const struct attempt *a, const struct session *s)
{
    const struct smtp_config *cfg = a->job.c->cfg;

    if (!s->best || a->site >= a->route.own_len || service_is_draining(a->job.d->svc))
        return false;
    if (cfg->connection_reuse_count_limit > 0 &&
        s->uses >= cfg->connection_reuse_count_limit)
        return false;
    if (clock_ms() - s->created_ms >= cfg->connection_reuse_time_limit.seconds * 1000)
        return false;
    return may_reuse(a->job.c, a->job.req, s->destination, DELIVERY_CONN_STORE);
}

// One message over one session; the session is kept, ended or dropped afterwards.
static bool use_session(struct attempt *a, struct session *s)
{
    bool keep = may_keep(a, s);

    job_use(&a->job, s);
    s->uses++;
    s->queue_id = a->job.req->queue_id;
    bool usable = transaction_run(&a->job, keep);
    keep = keep && !s->ending;
    if (usable && keep && s->dirty) {
        struct error err;

        usable = transaction_reset(s, a->job.arena, &err);
    }
    job_use(&a->job, NULL);
    if (!usable)
        session_close(s);
    else if (keep)
        session_pool_keep(a->job.c->pool, s,
                          a->job.c->cfg->connection_cache_time_limit.seconds);
    else
        session_quit(s);
    return usable;
}

// A session that an earlier message left open. When it turns out to be dead, nothing has
// happened yet, and the usual way follows.
static void try_kept_session(struct attempt *a)
{
    struct session *s;

    if (!may_reuse(a->job.c, a->job.req, a->target.text, DELIVERY_CONN_LOAD))
        return;
    s = session_pool_take(a->job.c->pool, a->target.text);
    if (s == NULL)
        return;
    const char *address = arena_strdup(a->job.arena, s->address);
    a->job.last_host = false;
    a->job.setup_done = moment_now();
    job_next_host(&a->job);
    if (use_session(a, s))
        a->reused_host = address;
    job_next_host(&a->job);
}

static double message_age(const struct delivery_request *req)
{
    struct moment arrival = {req->arrival_sec, (int32_t)req->arrival_usec};

    return moment_diff(arrival, moment_now());
}

// Nobody can be tried after the present session.
static bool is_last(const struct attempt *a, bool has_more_hosts)
{
    long limit = a->job.c->cfg->mx_session_limit;

    return a->site + 1 == a->route.sites.len &&
           (!has_more_hosts || (limit > 0 && a->sessions >= limit));
}

// Connects, greets, delivers. Whatever goes wrong is on record in the job.
static void try_host(struct attempt *a, const struct host *host, bool has_more)
{
    const struct smtp_context *c = a->job.c;
    struct smtp_reply reply;
    struct error err;
    struct session *s = session_connect(c, &a->target, host, &err);

    job_next_host(&a->job);
    a->job.setup_done = moment_now();
    if (s == NULL) {
        // In the form that log analysers know. Decided is nothing so far: who is left when
        // all hosts were tried gets this reason.
        log_info("%s", err.text);
        const struct failure *f = failure_make(&a->job, &err, true);
        for (size_t i = 0; i < a->job.req->rcpts_len; i++)
            if (job_is_open(&a->job, i))
                a->job.why[i] = f;
        return;
    }
    a->sessions++;
    a->job.last_host = is_last(a, has_more);
    s->queue_id = a->job.req->queue_id;
    s->best = host == NULL || host->best;
    job_use(&a->job, s);
    enum greet_result greeted =
        session_greet(s, a->job.arena, message_age(a->job.req),
                      a->target.port == SMTP_PORT && !c->lmtp, &reply, &err);
    a->job.setup_done = moment_now();
    if (greeted == GREET_OK) {
        (void)use_session(a, s);
        return;
    }
    struct failure *f = failure_make(&a->job, &err, true);
    if (greeted == GREET_REFUSED) {
        f->reply = reply.text;
        f->mta_name = a->job.mta_name;
    }
    job_fail_open(&a->job, f);
    job_use(&a->job, NULL);
    if (greeted == GREET_LOST)
        session_close(s);
    else
        session_quit(s);
}

// The hosts of one next hop, until nobody is left or the limits are reached.
static void try_hosts(struct attempt *a, const struct hosts *hosts)
{
    const long limit = a->job.c->cfg->mx_session_limit;

    a->sessions = 0;
    for (size_t i = 0; i < hosts->len && job_has_left(&a->job); i++) {
        if (limit > 0 && a->sessions >= limit)
            return;
        if (a->reused_host != NULL && strcmp(hosts->items[i].address, a->reused_host) == 0)
            continue;
        try_host(a, &hosts->items[i], i + 1 < hosts->len);
    }
}

// A relay of our own that cannot be found is the administrator's mistake, not the sender's.
static void excuse_own_settings(struct attempt *a, struct error *err)
{
    const char *name = a->job.c->lmtp ? "lmtp_fallback_relay" : "smtp_fallback_relay";

    if (a->site < a->route.own_len) {
        if (strcmp(a->route.sites.items[0], a->job.c->mail->relayhost) != 0)
            return;
        name = "relayhost";
    }
    log_warn("%s: %s", a->route.sites.items[a->site], err->text);
    log_warn("%s configuration problem", name);
    (void)error_temp(err, "4.3.5", "server configuration error");
}

// Trouble before there was a host to talk to.
static void fail_site(struct attempt *a, struct error *err)
{
    bool last_site = a->site + 1 == a->route.sites.len;

    job_next_host(&a->job);
    job_use(&a->job, NULL);
    a->job.setup_done = moment_now();
    a->job.last_host = last_site;
    if (err->kind == ERROR_PERMANENT && !last_site)
        err->kind = ERROR_TEMPORARY; // a fallback relay may know better than our DNS
    else if (err->kind == ERROR_PERMANENT)
        excuse_own_settings(a, err);
    fail_with(a, err, err->kind != ERROR_PERMANENT);
}

// RFC 5321 5.1: what we are a backup for must not go around through a fallback relay.
static void drop_fallbacks(struct attempt *a)
{
    if (a->site < a->route.own_len)
        a->route.sites.len = a->route.own_len;
}

static void try_site(struct attempt *a)
{
    struct job *j = &a->job;
    const struct smtp_context *c = j->c;
    struct hosts hosts = {0};
    struct error err = {0};

    if (!target_parse(j->arena, a->route.sites.items[a->site], c->lmtp, c->cfg->tcp_port,
                      c->cfg->known_tcp_ports, &a->target, &err)) {
        fail_site(a, &err);
        return;
    }
    a->reused_host = NULL;
    try_kept_session(a);
    if (!job_has_left(j))
        return;
    if (a->target.kind == TARGET_UNIX) {
        if (a->reused_host == NULL)
            try_host(a, NULL, false);
        return;
    }
    enum hosts_result found = hosts_find(c, j->arena, &a->target, &hosts, &err);
    if (found != HOSTS_FOUND) {
        if (found == HOSTS_LOOP)
            drop_fallbacks(a);
        if (found == HOSTS_LOOP && c->cfg->best_mx_transport[0] != '\0')
            (void)error_temp(&err, "4.3.5", "best_mx_transport is not supported");
        fail_site(a, &err);
        return;
    }
    if (hosts.is_backup)
        drop_fallbacks(a);
    try_hosts(a, &hosts);
}

static bool make_route(struct attempt *a, struct error *err)
{
    struct job *j = &a->job;
    struct str rest = str_c(j->req->nexthop), item;

    while (str_take(&rest, ", \t\r\n", &item))
        text_list_add(j->arena, &a->route.sites, arena_text(j->arena, item));
    a->route.own_len = a->route.sites.len;
    if (a->route.own_len == 0)
        return error_temp(err, "4.3.5", "empty nexthop hostname");
    rest = str_c(j->c->cfg->fallback_relay);
    while (str_take(&rest, ", \t\r\n", &item)) {
        const char *text = arena_text(j->arena, item);

        if (!text_list_has_nocase(&a->route.sites, text))
            text_list_add(j->arena, &a->route.sites, text);
    }
    return true;
}

static bool level_is_mandatory(const char *policy)
{
    static const char *const harmless[] = {"none", "may", "NONE", "MAY"};
    struct str rest = str_c(policy), word = {"", 0};

    if (!str_take(&rest, " \t,", &word))
        return true;
    for (size_t i = 0; i < COUNT(harmless); i++)
        if (str_is_nocase(word, harmless[i]))
            return false;
    return true;
}

// The policy for a next hop: itself, then its parent domains with a dot in front.
static bool policy_asks_tls(struct maps *maps, struct arena *arena, const char *nexthop)
{
    const char *value, *key = nexthop;
    struct error err;

    while (maps != NULL && key != NULL) {
        switch (maps_find(maps, arena, key, 0, &value, &err)) {
        case TABLE_FOUND:
            return level_is_mandatory(value);
        case TABLE_FAILED:
            return true; // not knowing is no leave to send in the clear
        case TABLE_NOT_FOUND:
            break;
        }
        key = nexthop[0] == '[' ? NULL : strchr(key + (key != nexthop), '.');
    }
    return false;
}

// TLS is to come. Mail that may only go out encrypted waits for it.
static bool needs_tls(const struct attempt *a)
{
    const struct smtp_context *c = a->job.c;

    if (c->tls_required || (a->job.req->send_options & SEND_REQUIRETLS))
        return true;
    if (c->tls_policy == NULL && c->tls_per_site == NULL)
        return false;
    for (size_t i = 0; i < a->route.sites.len; i++)
        if (policy_asks_tls(c->tls_policy, a->job.arena, a->route.sites.items[i]) ||
            policy_asks_tls(c->tls_per_site, a->job.arena, a->route.sites.items[i]))
            return true;
    return false;
}

void smtp_deliver(const struct smtp_context *c, struct delivery *d)
{
    struct attempt a = {0};
    struct error err = {0};

    job_init(&a.job, c, d);
    if (!make_route(&a, &err)) {
        a.job.last_host = true;
        fail_with(&a, &err, true);
        return;
    }
    if (needs_tls(&a)) {
        a.job.last_host = true;
        (void)error_temp(&err, "4.7.5",
                         "TLS is required, but our TLS engine is unavailable");
        fail_with(&a, &err, true);
        return;
    }
    if ((c->prepend & (PREPEND_DELIVERED_TO | PREPEND_ORIGINAL_TO)) &&
        d->req->rcpts_len > 1) {
        a.job.last_host = true;
        log_warn("flag `%c' requires %s_destination_recipient_limit = 1",
                 c->prepend & PREPEND_DELIVERED_TO ? 'D' : 'O', service_name(d->svc));
        (void)error_temp(&err, "4.3.5", "mail system configuration error");
        fail_with(&a, &err, false);
        return;
    }
    for (a.site = 0; a.site < a.route.sites.len && job_has_left(&a.job); a.site++)
        try_site(&a);
    job_finish(&a.job);
}
