// site_log: for each site, which messages wait for it: a file in flush/ with a queue ID a
// line.
#pragma once
#include "mail/qmgr_client.h"
#include "mail/queue_dir.h"

struct site_logs {
    const struct queue_dir *dir;
    struct qmgr_client *qmgr;
};

#define SITE_NAME_SIZE 64

// What the site's file is called: lower case, '_' for all but letters and digits. Long
// names are cut; sites that share a file are delivered together.
void site_log_name(char name[SITE_NAME_SIZE], const char *site);
// Notes that message `id` waits for the site.
MUST_CHECK bool site_log_add(struct site_logs *logs, const char *site, const char *id,
                             struct error *err);
// Has all that is noted for the site delivered now, and forgets it.
MUST_CHECK bool site_log_send(struct site_logs *logs, const char *site, struct error *err);
// Has one message delivered now. False when it does not wait in deferred/.
bool site_log_send_file(struct site_logs *logs, const char *id);
// Has delivered what stands in logs that nobody touched for `refresh` seconds, and removes
// empty ones after `purge` seconds.
void site_log_refresh(struct site_logs *logs, long refresh, long purge);
