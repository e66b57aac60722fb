// assign: recipients find their transport and destination, and queue up there.
#pragma once
#include "qmgr/message.h"

// Resolves and schedules recipients of one message. Some may be decided at once.
void assign_rcpts(struct message *msg, struct rcpt **rcpts, size_t len);
// Gives recipients to the retry service with this reason ("4.4.1 text"); where that is out
// of order they are just kept.
void assign_to_retry(struct message *msg, struct rcpt **rcpts, size_t len, const char *dsn,
                     const char *prefix, const char *reason);
// What waited for a destination or transport that has died goes to the retry service.
void assign_dead_dest(struct dest *d);
void assign_dead_transport(struct transport *t);
struct transport *assign_transport(struct qmgr *qm, const char *name);
