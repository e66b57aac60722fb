// postmaster_notice: the transcript of a session in which there was trouble, by mail to the
// postmaster (notify_classes).
#pragma once
#include "mail/cleanup_client.h"
#include "util/buf.h"

struct postmaster_notice {
    const char *recipient;
    const char *who;         // "SMTP server", "LMTP client"
    const char *peer;        // "NAME[ADDR]"
    const char *first_lines; // ahead of the transcript, or ""
    struct str transcript;
};

// notify_classes has the class `name`.
bool postmaster_wants(const struct mail_config *cfg, const char *name);
// Adds a line of the session; `direction` is "In" or "Out". False: there is no more room.
MUST_CHECK bool postmaster_add_line(struct buf *transcript, const char *direction,
                                    struct str line);
MUST_CHECK bool postmaster_notify(struct cleanup_client *cleanup,
                                  const struct mail_config *cfg, struct arena *arena,
                                  const struct postmaster_notice *notice,
                                  struct error *err);
