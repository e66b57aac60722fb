// bounce: a local submission that fails for good goes back to its sender at once.
#pragma once
#include "cleanup/msg.h"

// Says in the log and to bounce(8) that no recipient got the message. On success the status
// is CLEANUP_OK and `bounced` is set (the file is of no more use); when it cannot be done
// now, CLEANUP_BAD: the submitter tries again. Nothing happens for temporary trouble.
void bounce_message(struct msg *m);
