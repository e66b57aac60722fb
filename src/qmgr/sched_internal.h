// sched_internal: what the two halves of the scheduler share.
#pragma once
#include "qmgr/sched.h"

// Room for one more delivery right now.
bool dest_is_open(const struct dest *d);
// Lets as many blocked peers back in as there is room for.
void dest_wake(struct dest *d);
// Nothing delays it any more, and nothing is left: forget it.
void dest_free_if_idle(struct dest *d);

void job_make_ready(struct job *job);
void job_unready(struct job *job);
// In the order of rank.
void dest_block_peer(struct peer *p);
void peer_free(struct peer *p);
