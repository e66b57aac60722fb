// internal_mail: the trace header of mail that the mail system itself writes.
#pragma once
#include "mail/cleanup_client.h"

// "Received: by HOST (Postfix)", ID and date; the first content of the message `id`.
MUST_CHECK bool internal_mail_received(struct cleanup_client *c,
                                       const struct mail_config *cfg, const char *id,
                                       struct error *err);
