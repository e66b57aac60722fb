// delivery: what the queue manager asks of a delivery agent, and what comes back.
#pragma once
#include "ipc/message.h"
#include "mail/queue_file.h"

enum delivery_flags {
    DELIVERY_VERIFY = 1 << 0,      // probe: say whether it would work, deliver nothing
    DELIVERY_RECORD = 1 << 1,      // log every outcome to trace (sendmail -v)
    DELIVERY_CONN_LOAD = 1 << 2,   // connections may be reused
    DELIVERY_CONN_STORE = 1 << 3,
    DELIVERY_BOUNCE_EXPIRED = 1 << 4,
    DELIVERY_DELAY_SENT = 1 << 5,  // the sender was warned: tell trace once it is delivered
};

// The first frame on a connection, from the agent as soon as it serves it: only then does the
// queue manager choose what to deliver. It also tells a live agent from one in the backlog.
struct delivery_ready {
    int64_t version; // DELIVERY_VERSION
};
#define DELIVERY_VERSION 1

struct delivery_rcpt {
    const char *address, *orig, *dsn_orcpt;
    int64_t dsn_notify, offset;
};

struct delivery_request {
    int64_t flags;
    const char *queue_name, *queue_id; // "active"; the open queue file rides along
    const char *nexthop, *encoding, *sender, *envelope_id;
    const char *rewrite_context, *log_ident, *sasl_method, *sasl_username, *sasl_sender;
    const char *client_name, *client_address, *client_port, *client_proto, *client_helo;
    int64_t data_offset, data_size, message_length, send_options, dsn_ret, trace_flags;
    int64_t arrival_sec, arrival_usec; // message
    int64_t active_sec, active_usec;   // queue manager picked the message up
    int64_t agent_sec, agent_usec;     // queue manager handed the request over
    const struct delivery_rcpt *rcpts;
    size_t rcpts_len;
};

enum delivery_status { DELIVERY_SENT, DELIVERY_DEFERRED, DELIVERY_BOUNCED };

struct delivery_result {
    int64_t deferred;       // recipients that stay in the queue
    int64_t done;           // recipients marked done in the file
    bool destination_dead;  // the next hop (not one recipient) was the trouble
    const char *dsn;        // "4.4.1", with `destination_dead`
    const char *reason;     // text for the recipients not tried, log and mailq
    bool last;              // the agent closes the connection now (limits, reload)
};

extern const struct message_kind delivery_request_kind, delivery_result_kind;
extern const struct message_kind delivery_ready_kind;
