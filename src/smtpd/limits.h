// limits: how much one client may do in all its sessions (smtpd_client_*_limit), by
// anvil(8).
#pragma once
#include "smtpd/session.h"

// Each counts one event, and is NULL while the client is within its limits, else the
// refusal.
const char *limits_connect(struct session *s);
const char *limits_mail(struct session *s);
const char *limits_rcpt(struct session *s);
void limits_disconnect(struct session *s);
