// log_delivery: the one delivery status line that log analysers know.
#pragma once
#include "config/mail_config.h"
#include "mail/delivery.h"
#include "util/clock.h"

struct delivery_times {
    struct moment conn_setup_done; // zero: no connection was made
    struct moment end;             // zero: now
};

// "ID: to=<R>, orig_to=<O>, relay=RELAY, conn_use=N, delay=D, delays=A/B/C/E, dsn=X.Y.Z,
// status=STATUS (TEXT)". `relay` NULL is "none"; `conn_use` below 2 is left out.
void log_delivery(const struct mail_config *cfg, const struct delivery_request *req,
                  const struct delivery_rcpt *rcpt, const char *relay, long conn_use,
                  const struct delivery_times *times, const char *dsn, const char *status,
                  const char *text);

// An address as log lines show it: quoted where needed, unless info_log_address_format says
// internal. `internal` itself when nothing changes.
const char *log_address(const struct mail_config *cfg, struct arena *arena,
                        const char *internal);
// Two significant digits, at most `decimals_limit` behind the point, no trailing zeros.
void log_format_delay(char text[32], double seconds, long decimals_limit);
