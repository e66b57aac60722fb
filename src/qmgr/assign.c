// assign: recipients find their transport and destination, and queue up there.
#include "qmgr/assign.h"
#include "mail/log_delivery.h"
#include "qmgr/agents.h"
#include "qmgr/manager.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The error(8) program under its other name.
#define RETRY_SERVICE "retry"

#define SUSPENDED "delivery temporarily suspended: "

// Where one recipient goes.
struct route {
    struct rcpt *rcpt;
    const char *transport, *nexthop, *address;
    const char *key; // of the destination
    size_t order;
    bool is_double_bounce;
};

struct transport *assign_transport(struct qmgr *qm, const char *name)
{
    struct transport *t = sched_transport_find(&qm->sched, name);
    struct transport_rules rules;

    if (t != NULL)
        return t;
    rules = qmgr_transport_rules(service_config(qm->svc), qm->cfg, name);
    return sched_transport_add(&qm->sched, name, &rules);
}

// ---- routes
// -----------------------------------------------------------------------------------

static void set_route(struct route *r, const char *transport, const char *nexthop)
{
    r->transport = transport;
    r->nexthop = nexthop;
}

static const char *domain_of(const char *address)
{
    const char *at = strrchr(address, '@');

    return at == NULL ? "" : at + 1;
}

// All go to the content filter "transport:nexthop".
static void route_to_filter(struct message *msg, struct arena *arena, struct route *routes,
                            size_t len)
{
    const char *filter = msg->qf.filter;
    const char *colon = strchr(filter, ':');
    const char *nexthop = colon == NULL ? "" : colon + 1;
    const char *transport = arena_text(
        arena, str_n(filter, colon == NULL ? strlen(filter) : (size_t)(colon - filter)));

    if (nexthop[0] == '\0')
        nexthop = msg->qm->cfg->default_filter_nexthop;
    for (size_t i = 0; i < len; i++)
        set_route(&routes[i], transport,
                  nexthop[0] != '\0' ? nexthop : domain_of(routes[i].address));
}

static bool is_double_bounce(const struct qmgr *qm, const struct resolved *to)
{
    const char *at = strrchr(to->recipient, '@');
    size_t len = at == NULL ? strlen(to->recipient) : (size_t)(at - to->recipient);

    return (to->flags & RESOLVE_CLASS_LOCAL) &&
           str_is_nocase(str_n(to->recipient, len), qm->mail->double_bounce_sender);
}

static void route_by_address(struct message *msg, struct arena *arena, struct route *routes,
                             size_t len)
{
    struct qmgr *qm = msg->qm;
    const char **addresses = arena_array(arena, len, sizeof(*addresses));
    struct resolved *results = arena_array(arena, len, sizeof(*results));
    struct error err;

    for (size_t i = 0; i < len; i++)
        addresses[i] = routes[i].address;
    if (!resolve_addresses(qm->rewriter, arena, msg->qf.sender, addresses, len, results,
                           &err)) {
        log_warn("%s: %s", msg->id, err.text);
        for (size_t i = 0; i < len; i++)
            set_route(&routes[i], RETRY_SERVICE, "4.3.0 address resolver failure");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        struct route *r = &routes[i];

        set_route(r, results[i].transport, results[i].nexthop);
        if (results[i].flags & RESOLVE_FAILED)
            set_route(r, RETRY_SERVICE, "4.3.0 address resolver failure");
        else if (r->address[0] == '\0')
            set_route(r, qm->mail->error_service_name, "5.1.3 null recipient address");
        else if (results[i].flags & RESOLVE_ERROR)
            r->transport = qm->mail->error_service_name;
        else
            r->address = results[i].recipient;
        r->is_double_bounce = !(results[i].flags & (RESOLVE_FAILED | RESOLVE_ERROR)) &&
                              is_double_bounce(qm, &results[i]);
    }
}

// One recipient a request: then a destination is a recipient, for local delivery a mailbox.
static const char *key_of(struct qmgr *qm, struct arena *arena, const struct transport *t,
                          const struct route *r)
{
    if (t->rules.rcpt_limit != 1)
        return arena_lower(arena, str_c(r->nexthop));
    char *key = arena_lower(arena, str_c(r->address));

    if (strcmp(t->name, "local") == 0 && qm->mail->recipient_delimiter[0] != '\0') {
        char *at = strrchr(key, '@');
        size_t len = strcspn(key, qm->mail->recipient_delimiter);

        if (at != NULL && len > 0 && len < (size_t)(at - key))
            memmove(key + len, at, strlen(at) + 1);
    }
    return key;
}

static bool is_deferred_transport(const struct message *msg, const char *name)
{
    return !msg->is_flushed && text_list_has_nocase(&msg->qm->defer_transports, name);
}

static const char *retry_text(struct arena *arena, const char *dsn, const char *prefix,
                              const char *reason)
{
    return arena_printf(arena, "%s %s%s", dsn == NULL || dsn[0] == '\0' ? "4.3.0" : dsn,
                        prefix, reason);
}

// What stands in the way right now becomes the reason that the retry service gives.
static void check_route(struct message *msg, struct arena *arena, struct route *r)
{
    struct qmgr *qm = msg->qm;
    const char *retry = RETRY_SERVICE;
    struct transport *t = assign_transport(qm, r->transport);
    struct dest *d;

    r->key = key_of(qm, arena, t, r);
    if (strcmp(r->transport, retry) == 0)
        return;
    if (is_deferred_transport(msg, r->transport)) {
        set_route(r, retry, "4.3.2 deferred transport");
    } else if (t->is_dead && msg->unthrottle) {
        transport_revive(t);
    } else if (t->is_dead) {
        set_route(r, retry, retry_text(arena, t->dsn, "", t->reason));
    } else if ((d = dest_find(t, r->key)) != NULL && d->is_dead) {
        if (msg->unthrottle)
            dest_revive(d);
        else
            set_route(r, retry, retry_text(arena, d->dsn, SUSPENDED, d->reason));
    }
    if (strcmp(r->transport, retry) == 0)
        r->key = key_of(qm, arena, assign_transport(qm, retry), r);
}

// ---- queueing up
// ------------------------------------------------------------------------------

static int compare_routes(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    int by = strcmp(x->transport, y->transport);

    if (by == 0)
        by = strcmp(x->key, y->key);
    if (by == 0)
        by = strcmp(x->nexthop, y->nexthop);
    return by != 0 ? by : x->order < y->order ? -1 : 1;
}

static bool same_place(const struct route *a, const struct route *b)
{
    return strcmp(a->transport, b->transport) == 0 && strcmp(a->key, b->key) == 0 &&
           strcmp(a->nexthop, b->nexthop) == 0;
}

static bool has_verp(const struct message *msg)
{
    return msg->qf.verp != NULL && msg->qf.verp[0] != '\0' && msg->qf.sender[0] != '\0';
}

// The retry and error services being down is no reason to lose anything: the recipients
// stay.
static bool nowhere_to_go(const struct transport *t)
{
    return t->is_dead && strcmp(t->name, RETRY_SERVICE) == 0;
}

static void enqueue(struct message *msg, struct route *routes, size_t len,
                    struct rcpt **list)
{
    struct qmgr *qm = msg->qm;
    struct transport *t = assign_transport(qm, routes[0].transport);
    int64_t now = clock_ms();

    for (size_t i = 0; i < len; i++)
        list[i] = routes[i].rcpt;
    if (nowhere_to_go(t)) {
        message_rcpts_done(msg, list, len, len);
        return;
    }
    struct dest *d = dest_get(t, routes[0].key, routes[0].nexthop);
    struct job *job = job_get(&msg->jobs, msg, t, now);

    t->core_rcpts += (long)len;
    qm->has_new_work = true;
    job_add(job, d, list, len, has_verp(msg) ? 1 : (size_t)t->rules.rcpt_limit, now);
}

// A destination that takes mail as fast as we let it, or one that does not take it.
static void advise(const struct transport *t, long window)
{
    long most = t->rules.window.limit;

    if (most > 0 && window >= most) {
        log_warn("you may need to increase the main.cf %s_destination_concurrency_limit "
                 "from %ld",
                 t->name, most);
        return;
    }
    log_warn("you may need to reduce %s connect and helo timeouts", t->name);
    log_warn("so that Postfix quickly skips unavailable hosts");
    log_warn("you may need to increase the main.cf minimal_backoff_time and "
             "maximal_backoff_time");
    log_warn("so that Postfix wastes less time on undeliverable mail");
    log_warn("you may need to increase the master.cf %s process limit", t->name);
}

// compat: the threshold and the words; test_qmgr.py has both beside Postfix's.
static void clog_warning(struct qmgr *qm, const struct dest *d)
{
    long limit = qm->cfg->qmgr_message_active_limit, used = d->waiting + d->busy;
    int64_t now = clock_ms(), pause = qm->cfg->qmgr_clog_warn_time.seconds * (int64_t)1000;

    if (!qm->cfg->helpful_warnings || pause == 0 || used <= limit / 5 ||
        (qm->clog_warned_ms != 0 && now < qm->clog_warned_ms + pause))
        return;
    qm->clog_warned_ms = now;
    log_warn("mail for %s is using up %ld of %zu active queue entries", d->nexthop, used,
             qm->messages_len);
    advise(d->transport, d->window.size);
    log_warn("please avoid flushing the whole queue when you have");
    log_warn("lots of deferred mail, that is bad for performance");
    log_warn("to turn off these warnings specify: %s = 0", "qmgr_clog_warn_time");
}

static void enqueue_all(struct message *msg, struct arena *arena, struct route *routes,
                        size_t len)
{
    struct rcpt **list = arena_array(arena, len, sizeof(struct rcpt *));
    struct qmgr *qm = msg->qm;

    if (len > 1)
        qsort(routes, len, sizeof(*routes), compare_routes);
    for (size_t i = 0, n; i < len; i += n) {
        for (n = 1; i + n < len && same_place(&routes[i], &routes[i + n]);)
            n++;
        enqueue(msg, &routes[i], n, list);
        struct transport *t = sched_transport_find(&qm->sched, routes[i].transport);
        struct dest *d = dest_find(t, routes[i].key);

        if (d != NULL)
            clog_warning(qm, d);
    }
}

// A bounce of a bounce to ourselves ends here.
static void discard_double_bounce(struct message *msg, struct rcpt *rcpt)
{
    struct qmgr *qm = msg->qm;
    struct delivery_times times = {.end = moment_now()};
    struct delivery_request req = {
        .queue_name = "active",
        .queue_id = msg->id,
        .sender = msg->qf.sender,
        .arrival_sec = msg->qf.arrival.sec,
        .arrival_usec = msg->qf.arrival.usec,
        .active_sec = msg->active_at.sec,
        .active_usec = msg->active_at.usec,
        .agent_sec = times.end.sec,
        .agent_usec = times.end.usec,
    };
    struct delivery_rcpt to = {.address = rcpt->address,
                               .orig = rcpt->orig,
                               .dsn_orcpt = rcpt->dsn_orcpt,
                               .offset = rcpt->offset};
    struct error err;
    int fd = message_fd(msg);

    log_delivery(qm->mail, &req, &to, NULL, 0, &times, "2.0.0", "sent",
                 "undeliverable postmaster notification discarded");
    bool done = fd >= 0 && queue_file_mark_done(fd, rcpt->offset, &err);

    message_rcpts_done(msg, &rcpt, 1, done ? 0 : 1);
}

static bool too_many_probes(const struct message *msg)
{
    long limit;

    return msg->is_probe &&
           str_to_long(str_c(msg->qm->cfg->address_verify_pending_request_limit), &limit) &&
           (long)msg->qm->probes_len > limit;
}

void assign_rcpts(struct message *msg, struct rcpt **rcpts, size_t len)
{
    struct arena *arena;
    struct route *routes;
    size_t kept = 0;

    if (len == 0)
        return;
    if (msg->force_expire && msg->has_defer_log) {
        message_rcpts_done(msg, rcpts, len, len);
        return;
    }
    arena = arena_new();
    routes = arena_array(arena, len, sizeof(*routes));
    for (size_t i = 0; i < len; i++)
        routes[i] =
            (struct route){.rcpt = rcpts[i], .address = rcpts[i]->address, .order = i};
    if (msg->force_expire || too_many_probes(msg)) {
        for (size_t i = 0; i < len; i++)
            set_route(&routes[i], RETRY_SERVICE,
                      msg->force_expire ? "4.7.0 message is administratively expired"
                                        : "4.3.0 too many address verification requests");
    } else if (msg->qf.filter != NULL && msg->qf.filter[0] != '\0') {
        route_to_filter(msg, arena, routes, len);
    } else {
        route_by_address(msg, arena, routes, len);
    }
    for (size_t i = 0; i < len; i++) {
        if (routes[i].is_double_bounce) {
            discard_double_bounce(msg, routes[i].rcpt);
            continue;
        }
        // The address as resolved is what the agent gets; it outlives this arena.
        if (strcmp(routes[i].address, routes[i].rcpt->address) != 0)
            routes[i].rcpt->address =
                arena_strdup(routes[i].rcpt->portion->arena, routes[i].address);
        check_route(msg, arena, &routes[i]);
        routes[kept++] = routes[i];
    }
    if (kept > 0)
        enqueue_all(msg, arena, routes, kept);
    arena_free(arena);
}

// ---- what has died
// ------------------------------------------------------------------------------

void assign_to_retry(struct message *msg, struct rcpt **rcpts, size_t len, const char *dsn,
                     const char *prefix, const char *reason)
{
    struct qmgr *qm = msg->qm;
    struct arena *arena = arena_new();
    struct route *routes = arena_array(arena, len, sizeof(*routes));
    const char *text = retry_text(arena, dsn, prefix, reason);
    struct transport *retry = assign_transport(qm, RETRY_SERVICE);

    for (size_t i = 0; i < len; i++) {
        routes[i] =
            (struct route){.rcpt = rcpts[i], .address = rcpts[i]->address, .order = i};
        set_route(&routes[i], retry->name, text);
        routes[i].key = key_of(qm, arena, retry, &routes[i]);
    }
    msg->is_scheduling = true;
    enqueue_all(msg, arena, routes, len);
    msg->is_scheduling = false;
    arena_free(arena);
    message_settle(msg);
}

static void to_retry(struct transport *from, struct batch *b, const char *dsn,
                     const char *prefix, const char *reason)
{
    from->core_rcpts -= (long)b->rcpts_len;
    assign_to_retry(b->msg, b->rcpts, b->rcpts_len, dsn, prefix, reason);
    batch_free(b);
}

void assign_dead_dest(struct dest *d)
{
    struct batch *b;

    while ((b = dest_take_waiting(d)) != NULL)
        to_retry(d->transport, b, d->dsn, SUSPENDED, d->reason);
}

void assign_dead_transport(struct transport *t)
{
    struct batch *b;

    while ((b = transport_take_waiting(t)) != NULL) {
        if (nowhere_to_go(t)) {
            t->core_rcpts -= (long)b->rcpts_len;
            message_rcpts_done(b->msg, b->rcpts, b->rcpts_len, b->rcpts_len);
            batch_free(b);
        } else {
            to_retry(t, b, t->dsn, "", t->reason);
        }
    }
}
