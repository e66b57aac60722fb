// footer: smtpd_reject_footer: text of the administrator behind each refusal.
#pragma once
#include "smtpd/session.h"

// `reply` (4xx or 5xx) with the footer, or `reply` itself without one.
const char *footer_append(struct session *s, const char *reply);
