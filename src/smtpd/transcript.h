// transcript: what was said in a session, for the notice that the postmaster gets of
// trouble.
#pragma once
#include "smtpd/session.h"

// Remembers a line; `direction` is "In" or "Out". Old lines go when there are very many.
void transcript_add(struct session *s, const char *direction, struct str line);
// Mails the transcript if notify_classes has one of the kinds of trouble that there were.
void transcript_report(struct session *s);
