// manager: the queue manager's state, handed to all its parts.
#pragma once
#include "mail/flow.h"
#include "mail/queue_dir.h"
#include "mail/resolve.h"
#include "qmgr/backoff.h"
#include "qmgr/calls.h"
#include "qmgr/message.h"
#include "qmgr/qmgr_config.h"
#include "qmgr/sched.h"
#include "service/service.h"
#include "table/match_list.h"

struct scan_state {
    struct queue_scan *scan;
    bool again;          // asked for while it ran: once more
    bool ignore_backoff; // of this run
};

struct qmgr {
    struct service *svc;
    struct loop *loop;
    const struct qmgr_config *cfg;
    const struct mail_config *mail;
    struct queue_dir dir;
    struct backoff_rules backoff;
    struct rewriter *rewriter;
    struct sched sched;
    struct flow *flow;
    struct match_list *flush_domains;
    struct arena *arena; // as long as the process
    struct text_list defer_transports;
    struct calls calls;

    struct message *messages; // hash by ID: the active queue
    size_t messages_len, probes_len;
    long core_rcpts; // recipients in memory
    size_t open_files, open_files_max;

    struct scan_state incoming, deferred;
    bool ignore_backoff_next;
    int64_t next_deferred_ms;
    int64_t retry_incoming_ms; // files there were busy; 0: none
    int64_t clog_warned_ms;
    int64_t started_sec;
    bool has_new_work; // something was queued since transports were looked at
};

// The address as log lines show it (info_log_address_format).
const char *qmgr_log_address(const struct qmgr *qm, struct arena *arena,
                             const char *address);
