// flush_client: asking flush(8) to deliver what waits for a site, or one message, now.
#pragma once
#include "config/mail_config.h"
#include "ipc/message.h"

enum flush_command {
    FLUSH_ADD,       // site, queue_id: this message waits for the site
    FLUSH_SEND_SITE, // deliver what waits for the site
    FLUSH_SEND_FILE, // deliver one deferred message
    FLUSH_REFRESH,   // old logs: try what they list
    FLUSH_PURGE,     // old and empty logs: remove
};
enum flush_status {
    FLUSH_OK,
    FLUSH_FAIL, // no service, or it could not do it
    FLUSH_BAD,  // bad request
    FLUSH_DENY, // the site is not eligible
};

struct flush_request {
    int64_t command;
    const char *site, *queue_id;
};
struct flush_reply {
    int64_t status;
};
extern const struct message_kind flush_request_kind, flush_reply_kind;

// Blocking, within ipc_timeout. `site` or `queue_id` may be NULL.
enum flush_status flush_call(const struct mail_config *cfg, enum flush_command command,
                             const char *site, const char *queue_id);
