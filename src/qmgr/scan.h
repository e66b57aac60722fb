// scan: files from incoming/ and deferred/ into the active queue, as far as there is room.
#pragma once
#include "qmgr/manager.h"

void scan_start(struct qmgr *qm, struct scan_state *scan);
// Takes a few files, one from each queue in turn. True when there is more to take now.
bool scan_feed(struct qmgr *qm);
// Files that an earlier queue manager had in work go back to incoming/.
void scan_recover_active(struct qmgr *qm);
// A file in incoming/ could not be taken yet.
void scan_retry_incoming(struct qmgr *qm);
void scan_close(struct qmgr *qm);
