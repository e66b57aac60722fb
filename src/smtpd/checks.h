// checks: which restriction lists are judged at which command, and what comes of it.
#pragma once
#include "smtpd/session.h"

// Each is NULL when the request may go on, else the reply that refuses it (already logged).
const char *check_connect(struct session *s);
const char *check_helo(struct session *s, const char *where);
const char *check_mail(struct session *s, const char *sender);
// Also for VRFY: `where` tells.
const char *check_rcpt(struct session *s, const char *recipient, const char *where);
const char *check_data(struct session *s, const char *where);
const char *check_end_of_data(struct session *s);
const char *check_etrn(struct session *s, const char *domain);
// Size that MAIL declared (0: none) against the limits of message and file system.
const char *check_size(struct session *s, int64_t size);
// Whether headers of this client's mail are completed with our own domain.
bool check_is_local_client(struct session *s);
