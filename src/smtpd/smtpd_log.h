// smtpd_log: the verdict lines of smtpd that log analysers know.
#pragma once
#include "smtpd/session.h"

// "ID: WHAT: WHERE from NAME[ADDR]: TEXT; from=<S> to=<R> proto=P helo=<H>"; `recipient`
// may be NULL, the other attributes are shown as far as the session knows them.
void smtpd_log_verdict(const struct session *s, const char *what, const char *where,
                       const char *recipient, const char *text);
// Bytes of a client with control characters as C escapes, at most 100 of them.
const char *smtpd_printable(struct arena *arena, struct str bytes);
