// sendmail_run: what sendmail(1) leaves to other programs.
#pragma once
#include "config/mail_config.h"
#include "util/arena.h"

_Noreturn void sendmail_run_queue_list(struct arena *arena, const struct mail_config *cfg);
// `argument` of -q: NULL flushes all, "Rsite", "Iid".
_Noreturn void sendmail_run_queue(struct arena *arena, const struct mail_config *cfg,
                                  const char *argument);
_Noreturn void sendmail_run_newaliases(struct arena *arena, const struct mail_config *cfg,
                                       const char *alias_database);
_Noreturn void sendmail_run_smtp(struct arena *arena, const struct mail_config *cfg);
_Noreturn void sendmail_run_daemon(struct arena *arena, const struct mail_config *cfg);
