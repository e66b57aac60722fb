// finish: what happens to a message when all its recipients are decided for now.
#pragma once
#include "qmgr/message.h"

// Sends the reports that are due, then removes or defers the file. The message is gone
// then.
void finish_message(struct message *msg);
// Puts a file that is in active/ into deferred/, to be tried in `delay` seconds.
void finish_defer_file(struct qmgr *qm, const char *id, int fd, long delay);
// Tells the fast flush service that these recipients have to wait.
void finish_tell_flush(struct message *msg, struct rcpt **rcpts, size_t len);
