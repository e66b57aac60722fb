// agents: connections to delivery agents, and requests over them.
#pragma once
#include "qmgr/sched.h"

struct qmgr;

// Starts deliveries on the transport while there is work and room.
void agents_dispatch(struct qmgr *qm, struct transport *t);
void agents_dispatch_all(struct qmgr *qm);
