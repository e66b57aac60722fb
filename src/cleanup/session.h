// session: the dialogue with one client of cleanup(8), message after message.
#pragma once
#include "cleanup/tables.h"
#include "mail/flow.h"
#include "mail/qmgr_client.h"
#include "mail/queue_dir.h"
#include "service/service.h"

// What a worker has for all its clients.
struct cleanup_worker {
    struct service *svc;
    struct cleanup_tables *tables;
    const struct cleanup_config *cfg;
    const struct mail_config *mail;
    struct queue_dir queue;
    struct flow *flow;
    struct qmgr_client *qmgr;
};

// Serves `fd` until the client leaves.
void session_serve(struct cleanup_worker *worker, int fd);
