// agent: the loop that every delivery agent shares: requests in, per-recipient outcomes
// out. The agent only says what happened; logging, bounce and defer logs, marking
// recipients done and the answer to qmgr happen here.
#pragma once
#include "mail/bounce_client.h"
#include "mail/delivery.h"
#include "mail/log_delivery.h"
#include "service/service.h"

struct delivery {
    const struct delivery_request *req;
    int fd;              // the queue file
    struct arena *arena; // lives for this request
    struct service *svc;
    struct agent_state *state; // of agent.c
};

struct agent_spec {
    struct service_spec
        service; // model, on_client and params of the skeleton; on_client NULL
    // Delivers to all recipients of the request, calling agent_sent/deferred/bounced once
    // for each (those it forgot are deferred with 4.3.0).
    void (*deliver)(struct delivery *d);
    // Between requests, after `idle_ms` without one: close cached connections. May be NULL.
    void (*on_idle)(struct service *svc);
    // The queue manager's connection has ended; the process may be next: close all that is
    // cached. May be NULL.
    void (*on_leave)(struct service *svc);
};
int agent_main(int argc, char **argv, const struct agent_spec *spec);

// How an outcome came about; zero values mean unknown.
struct outcome {
    const char *dsn;   // "2.0.0", "4.4.1", "5.1.1"
    const char *text;  // for log and report
    const char *relay; // "local", "HOST[ADDR]:PORT"; NULL: none
    long conn_use;
    const char *diag_type, *diag_text; // "smtp" and the reply, "x-unix" and the output
    const char *mta_type, *mta_name;   // "dns", host
    struct delivery_times times;
    bool next_hop_handles_dsn; // relayed with DSN: no success report from here
    const char *action;        // "relayed", "expanded" instead of "delivered"
    // The recipient came apart (alias, .forward): the part that this is about, in internal
    // form; shown as to=<part>, orig_to=<the recipient>. NULL: the recipient itself.
    const char *part;
};
// `rcpt` is the index in req->rcpts. May be called several times for one recipient (its
// parts): each call is logged and reported by itself, and the worst of them decides what
// becomes of the recipient: deferred (it stays in the queue), then bounced, then sent.
void agent_sent(struct delivery *d, size_t rcpt, const struct outcome *o);
void agent_deferred(struct delivery *d, size_t rcpt, const struct outcome *o);
// soft_bounce and default_delivery_status_filter are applied here.
void agent_bounced(struct delivery *d, size_t rcpt, const struct outcome *o);
// By the first digit of the status: 2 sent, 4 deferred, 5 bounced.
void agent_outcome(struct delivery *d, size_t rcpt, const struct outcome *o);
bool agent_is_decided(const struct delivery *d, size_t rcpt);
// Another agent was handed the recipient (mailbox_transport): it has logged, reported and marked
// the file already, and it said whether the recipient stays in the queue.
void agent_passed(struct delivery *d, size_t rcpt, bool stays);
// The destination as a whole is unreachable: qmgr slows down or stops for a while.
void agent_destination_dead(struct delivery *d, const char *dsn, const char *reason);
