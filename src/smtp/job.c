// job: one delivery request on its way: what became of each recipient at this host, so far.
#include "smtp/job.h"
#include "util/log.h"
#include <stdio.h>

void job_init(struct job *j, const struct smtp_context *c, struct delivery *d)
{
    *j = (struct job){.c = c, .d = d, .req = d->req, .arena = d->arena};
    j->kept = arena_array(d->arena, d->req->rcpts_len + 1, sizeof *j->kept);
    j->why = arena_array(d->arena, d->req->rcpts_len + 1, sizeof *j->why);
}

void job_use(struct job *j, struct session *s)
{
    j->s = s;
    j->relay = s != NULL ? arena_strdup(j->arena, s->relay) : NULL;
    j->mta_name = s != NULL ? arena_strdup(j->arena, s->host) : NULL;
}

void job_next_host(struct job *j)
{
    memset(j->kept, 0, j->req->rcpts_len * sizeof *j->kept);
}

bool job_is_open(const struct job *j, size_t rcpt)
{
    return !j->kept[rcpt] && !agent_is_decided(j->d, rcpt);
}

bool job_has_left(const struct job *j)
{
    for (size_t i = 0; i < j->req->rcpts_len; i++)
        if (!agent_is_decided(j->d, i))
            return true;
    return false;
}

static struct failure *failure_new(const struct job *j)
{
    struct failure *f = ARENA_NEW(j->arena, struct failure);

    f->relay = j->relay;
    f->conn_use = j->s != NULL ? j->s->uses : 0;
    return f;
}

struct failure *failure_make(const struct job *j, const struct error *err, bool site)
{
    struct failure *f = failure_new(j);

    f->kind = err->kind;
    f->text = arena_strdup(j->arena, err->text);
    f->site = site;
    snprintf(f->dsn, sizeof f->dsn, "%s",
             err->dsn[0] != '\0'            ? err->dsn
             : err->kind == ERROR_PERMANENT ? "5.3.0"
                                            : "4.3.0");
    return f;
}

struct failure *failure_from_reply(const struct job *j, const struct smtp_reply *reply,
                                   const char *command)
{
    struct failure *f = failure_new(j);
    int class = reply->code / 100;
    // An answer that cannot be one to this command.
    bool senseless = class != 4 && class != 5;
    bool after_data = senseless && strcmp(command, "DATA command") == 0;

    f->kind = class == 4 ? ERROR_TEMPORARY : ERROR_PERMANENT;
    snprintf(f->dsn, sizeof f->dsn, "%s", senseless ? "5.5.0" : reply->dsn);
    f->text = arena_printf(j->arena, "%shost %s said: %s (in reply to %s)",
                           after_data ? "Protocol error: " : "", j->s->peer, reply->text,
                           command);
    session_refused(j->s, reply->code);
    f->reply = reply->text;
    f->mta_name = j->mta_name;
    if (reply->code == 530 && j->c->cfg->sasl_auth_enable) {
        // We were told to log in and cannot: the administrator's trouble, not the sender's.
        f->kind = ERROR_TEMPORARY;
        f->dsn[0] = '4';
    }
    return f;
}

void job_sent(struct job *j, size_t rcpt, const struct smtp_reply *reply)
{
    struct outcome o = {.relay = j->relay,
                        .conn_use = j->s->uses,
                        .times = {.conn_setup_done = j->setup_done}};
    bool final = (j->c->prepend & DELIVERY_IS_FINAL) || j->c->cfg->assume_final;

    o.dsn = reply->dsn;
    o.text = reply->text;
    o.diag_type = "smtp";
    o.diag_text = reply->text;
    o.mta_type = "dns";
    o.mta_name = j->mta_name;
    o.next_hop_handles_dsn = (j->s->features & FEATURE_DSN) && !j->c->cfg->assume_final;
    o.action = final ? "delivered" : "relayed";
    agent_sent(j->d, rcpt, &o);
}

static void decide(struct job *j, size_t rcpt, const struct failure *f)
{
    struct outcome o = {.relay = f->relay,
                        .conn_use = f->conn_use,
                        .times = {.conn_setup_done = j->setup_done}};

    o.dsn = f->dsn;
    o.text = f->text;
    if (f->reply != NULL) {
        o.diag_type = "smtp";
        o.diag_text = f->reply;
        o.mta_type = "dns";
        o.mta_name = f->mta_name;
    }
    if (f->kind == ERROR_PERMANENT) {
        agent_bounced(j->d, rcpt, &o);
        return;
    }
    agent_deferred(j->d, rcpt, &o);
    if (f->site)
        agent_destination_dead(j->d, f->dsn, f->text);
}

void job_fail(struct job *j, size_t rcpt, const struct failure *f)
{
    j->why[rcpt] = f;
    if (f->kind == ERROR_PERMANENT || j->last_host) {
        decide(j, rcpt, f);
        return;
    }
    log_info("%s: %s", j->req->queue_id, f->text);
    j->kept[rcpt] = true;
}

void job_fail_open(struct job *j, const struct failure *f)
{
    bool decides = f->kind == ERROR_PERMANENT || j->last_host;

    if (!decides)
        log_info("%s: %s", j->req->queue_id, f->text);
    for (size_t i = 0; i < j->req->rcpts_len; i++) {
        if (!job_is_open(j, i))
            continue;
        j->why[i] = f;
        if (decides)
            decide(j, i, f);
        else
            j->kept[i] = true;
    }
}

void job_finish(struct job *j)
{
    static const struct failure unknown = {
        ERROR_TEMPORARY, "4.3.0", "mail system error", NULL, NULL, NULL, 0, false};

    j->last_host = true;
    for (size_t i = 0; i < j->req->rcpts_len; i++)
        if (!agent_is_decided(j->d, i))
            decide(j, i, j->why[i] != NULL ? j->why[i] : &unknown);
}
