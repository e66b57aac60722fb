// msg: one message on its way through cleanup(8): what came in, what was decided so far,
// and the queue file that is being written.
#pragma once
#include "cleanup/tables.h"
#include "mail/cleanup_client.h"
#include "mail/queue_file.h"
#include "util/clock.h"

struct rcpt_set;
struct bounce_rcpt;

// A recipient as it stands in the queue file.
struct msg_rcpt {
    const char *address, *orig, *dsn_orcpt;
    int64_t dsn_notify;
    int64_t offset;
};

struct msg {
    struct arena *arena; // lives for the message
    struct cleanup_tables *tables;
    const struct mail_config *mail;
    const struct cleanup_config *cfg;
    struct cleanup_envelope env;
    const char *id;
    struct moment created;
    struct str content;
    struct queue_writer *out;

    // The verdict so far. The first trouble stands.
    enum cleanup_status status;
    const char *reason; // "5.7.1 text"; "" for the status's own text
    bool discard, hold, bounced;
    const char *filter, *redirect; // "" when none

    const char *sender;    // rewritten and mapped
    const char *last_rcpt; // the last one accepted, for log lines
    struct msg_rcpt *rcpts;
    size_t rcpts_len, rcpts_max;
    struct rcpt_set *seen;
    const char **bcc; // to be added behind the content
    size_t bcc_len, bcc_max;

    bool rewrite_headers; // the client's headers are ours to complete and rewrite
    enum rewrite_context header_context;
    bool said_8bit;
    int64_t qmgr_flags, send_options;
    int64_t warn_offset;
    int64_t data_offset, extracted_offset;
};

// Records a trouble; the first one stands. Returns false.
bool msg_fail(struct msg *m, enum cleanup_status status, const char *reason);
// Writes a record; false (with the status set) when the disk or a limit says no.
bool msg_put(struct msg *m, int type, struct str payload);
bool msg_putf(struct msg *m, int type, const char *fmt, ...) PRINTF_LIKE(3, 4);
// Value of an attribute of the envelope, or "".
const char *msg_attr(const struct msg *m, const char *name);
// The address as the log shows it (info_log_address_format).
const char *msg_log_address(const struct msg *m, const char *address);
