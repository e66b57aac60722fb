// bounce_client: telling bounce(8), defer(8) and trace(8) what became of recipients.
#pragma once
#include "config/mail_config.h"
#include "ipc/message.h"
#include "mail/queue_file.h"

struct bounce_rcpt {
    const char *address, *orig, *dsn_orcpt;
    int64_t dsn_notify, offset;
    const char *status, *action; // "5.1.1", "failed"
    const char *reason;          // text after the status
    const char *diag_type, *diag_text, *mta_type, *mta_name; // RFC 3464; "" when unknown
    const char *relay;
};

enum bounce_command {
    BOUNCE_APPEND,     // add recipients to the log of this service (bounce, defer or trace)
    BOUNCE_SEND,       // all is said: send the non-delivery report, remove the log
    BOUNCE_WARN,       // defer service: send a delay warning, keep the log
    BOUNCE_SEND_TRACE, // trace service: send the report (success DSN, -bv, -v)
    BOUNCE_ONE,        // append and send at once, for these recipients only (no queue file yet)
    BOUNCE_DELETE,     // remove the log
};

struct bounce_request {
    int64_t command;
    int64_t flags; // BOUNCE_CLEAN, BOUNCE_DELRCPT
    const char *queue_name, *queue_id, *encoding, *sender, *envelope_id, *verp;
    int64_t dsn_ret, send_options, trace_flags;
    const struct bounce_rcpt *rcpts;
    size_t rcpts_len;
};
enum bounce_flags { BOUNCE_CLEAN = 1 << 0, BOUNCE_DELRCPT = 1 << 1 };
struct bounce_reply {
    int64_t status; // 0: done, else try later
};
extern const struct message_kind bounce_request_kind, bounce_reply_kind;

// `service` is the name from mail_config: bounce_service_name, defer_..., trace_... Blocking,
// within ipc_timeout. False: not done; the caller defers the message.
MUST_CHECK bool bounce_call(const struct mail_config *cfg, const char *service,
                            const struct bounce_request *req, struct error *err);
