// postfix_queue_dirs: the folders that an instance needs, with their owners and modes.
#pragma once
#include "config/mail_config.h"
#include "util/error.h"

// Makes queue_directory, data_directory and what belongs into them where missing, and
// corrects the owner and mode of the folders whose protection matters. `rootless`: all
// belongs to us.
MUST_CHECK bool queue_dirs_prepare(const struct mail_config *mail, bool rootless,
                                   struct error *err);
// Warns about wrong owners and modes.
void queue_dirs_check(const struct mail_config *mail, bool rootless);
