// requests: the letters that others write to the queue manager's socket.
#pragma once

struct qmgr;

// Serves a new connection until its other side closes it.
void requests_serve(struct qmgr *qm, int fd);
