// transaction: one message over a session: XFORWARD, MAIL, RCPT, DATA, content, replies.
#pragma once
#include "smtp/job.h"

// Runs it for all open recipients of the job; each is then decided or left to the next
// host. `keep`: the session shall serve another message afterwards. False: the connection
// is lost (or must not be used any further).
MUST_CHECK bool transaction_run(struct job *j, bool keep);
// A new message on a kept session: whatever was begun before is forgotten. False: lost.
MUST_CHECK bool transaction_reset(struct session *s, struct arena *arena,
                                  struct error *err);
