// agent_impl: what the files of the delivery agents' loop share; nobody else includes this.
#pragma once
#include "service/agent.h"
#include "table/maps.h"

// The log of one service (bounce, defer, trace) as it builds up during a request.
struct agent_report {
    struct bounce_rcpt *rcpts;
    size_t len, size;
};

// A line that can only be written once the bounce service has the recipient.
struct agent_late_line {
    size_t rcpt;
    struct delivery_rcpt shown;
    struct outcome outcome;
};

enum agent_verdict {
    VERDICT_NONE,
    VERDICT_PASSED, // another agent has marked it done
    VERDICT_SENT,
    VERDICT_BOUNCED,
    VERDICT_DEFERRED
};

struct agent_state {
    enum agent_verdict *verdicts; // of each recipient: the worst of its parts
    struct agent_report bounce, defer, trace;
    struct agent_late_line *late;
    size_t late_len, late_size;
    struct maps *status_filter;
    bool destination_dead;
    const char *dead_dsn, *dead_reason;
};

void agent_state_start(struct delivery *d, struct maps *status_filter);
// After deliver() has returned: tells bounce, defer and trace, marks recipients done in the
// file, and fills the answer to the queue manager.
void agent_state_finish(struct delivery *d, struct delivery_result *result);
