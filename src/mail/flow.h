// flow: cleanup(8) slows down when mail comes in faster than qmgr(8) takes it
// (in_flow_delay).
//
// A counter in a small file that both map. qmgr puts a token for each message that it takes
// from incoming/; cleanup takes one for each message that it is about to accept. When there
// is none left, cleanup waits in_flow_delay once and goes on.
#pragma once
#include "util/error.h"

struct flow;

// qmgr: makes the file with a full stock of tokens. NULL with the reason.
struct flow *flow_create(struct error *err);
// cleanup: NULL when there is no such file (no queue manager so far): do not slow down.
struct flow *flow_open(void);
void flow_close(struct flow *flow); // NULL is fine

// False: no token was there; wait in_flow_delay. NULL always has one.
bool flow_take(struct flow *flow);
// Never more than the full stock are kept.
void flow_put(struct flow *flow);
