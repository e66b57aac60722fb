// server: opens what a smtpd process needs for all its sessions.
#pragma once
#include "smtpd/session.h"

// Fills `server` from the configuration; everything lives as long as `arena`.
MUST_CHECK bool server_open(struct smtpd *server, struct arena *arena,
                            struct config *config, const struct smtpd_config *cfg,
                            bool is_stand_alone, struct error *err);
