// sendmail_submit: a message in record form goes to submit(8), else to postdrop(1).
#pragma once
#include "config/mail_config.h"
#include "util/arena.h"
#include "util/str.h"

// An exit status of sysexits.h, and in `reason` why it is not 0.
int sendmail_submit(struct arena *arena, const struct mail_config *cfg, struct str records,
                    const char **reason);
