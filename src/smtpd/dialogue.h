// dialogue: the conversation with one client: reading commands, writing replies, limits.
#pragma once
#include "smtpd/session.h"

// Serves the client from the greeting to the end.
void dialogue_run(struct session *s);
// Writes one reply (with footer and, after many errors, a pause). False: the client is
// gone.
bool dialogue_send(struct session *s, struct reply reply);
// The client has gone or fallen silent inside DATA or BDAT: says so, and returns false.
bool dialogue_lost(struct session *s, enum stream_result result);
