// intake: handing a message over to cleanup(8): its file, envelope, headers of ours,
// verdict.
#pragma once
#include "smtpd/session.h"

// Begins the queue file and logs "ID: client=...". NULL when it stands, else the refusal.
const char *intake_open(struct session *s);
// Sends the envelope and the headers that we put above the content.
void intake_begin(struct session *s);
// Content with LF line ends. Trouble is remembered for intake_commit.
void intake_add(struct session *s, struct str data);
// Ends the message; the reply says what became of it. The transaction is over after it.
struct reply intake_commit(struct session *s, bool is_bdat);
