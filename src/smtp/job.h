// job: one delivery request on its way: what became of each recipient at this host, so far.
#pragma once
#include "service/agent.h"
#include "smtp/session.h"

// Why something did not work.
struct failure {
    enum error_kind kind; // permanent: bounce; else try the next host, or later
    char dsn[12];
    const char *text;
    const char *reply;    // what the server said, or NULL
    const char *mta_name; // that server
    const char *relay;    // as in the log; NULL without connection
    long conn_use;
    bool site; // no matter of this message: the whole host is in trouble
};

struct job {
    const struct smtp_context *c;
    struct delivery *d;
    const struct delivery_request *req;
    struct arena *arena;
    struct session *s;            // the present one, set by job_use
    const char *relay, *mta_name; // of it, with the lifetime of the request
    struct moment setup_done;     // of the connection; zero before there was one
    bool last_host;               // nobody is left to try after this one
    bool *kept;                   // by recipient: left to the next host
    const struct failure **why;   // by recipient: the last reason
};

void job_init(struct job *j, const struct smtp_context *c, struct delivery *d);
// What follows happens over `s` (NULL: over none).
void job_use(struct job *j, struct session *s);
// The recipients left get another chance.
void job_next_host(struct job *j);
// The recipient is neither decided nor left to the next host.
bool job_is_open(const struct job *j, size_t rcpt);
// Some recipient is not decided.
bool job_has_left(const struct job *j);

struct failure *failure_make(const struct job *j, const struct error *err, bool site);
// "host H said: REPLY (in reply to COMMAND)"; after "DATA command" a reply that makes no
// sense is told to be a protocol error.
struct failure *failure_from_reply(const struct job *j, const struct smtp_reply *reply,
                                   const char *command);

void job_sent(struct job *j, size_t rcpt, const struct smtp_reply *reply);
// Decides, or leaves to the next host and logs why.
void job_fail(struct job *j, size_t rcpt, const struct failure *f);
void job_fail_open(struct job *j, const struct failure *f);
// All hosts were tried: who is left is decided by the last reason.
void job_finish(struct job *j);
