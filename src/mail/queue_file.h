// queue_file: a message in the queue: its envelope in memory, and where its content lies.
#pragma once
#include "mail/record.h"
#include "util/clock.h"

// RFC 3461 NOTIFY; 0 means that the client said nothing.
enum dsn_notify { DSN_NEVER = 1, DSN_SUCCESS = 2, DSN_FAILURE = 4, DSN_DELAY = 8 };
enum dsn_ret { DSN_RET_NONE = 0, DSN_RET_FULL = 1, DSN_RET_HDRS = 2 };
// Sixth field of the size record.
enum send_options {
    SEND_SMTPUTF8_REQUESTED = 1, SEND_SMTPUTF8_HEADER = 2, SEND_SMTPUTF8_SENDER = 4,
    SEND_SMTPUTF8_RECIPIENT = 8, SEND_TLS_OPTIONAL = 16, SEND_REQUIRETLS = 32,
};

struct queue_rcpt {
    const char *address;  // internal form
    const char *orig;     // as received before rewriting; "" when not known
    const char *dsn_orcpt; // "rfc822;..." or ""
    int dsn_notify;
    int64_t offset;       // of the R record, where D is written when done
    bool done;
};

struct queue_attr {
    const char *name, *value;
};

struct queue_file {
    char id[64];
    int64_t content_size;   // bytes between M and X with record framing
    int64_t data_offset;    // of the first content record
    int64_t rcpt_count;     // as the size record says
    int64_t qmgr_flags, message_length, send_options;
    struct moment arrival;
    int64_t create_time;
    const char *full_name, *sender, *filter, *inspect, *redirect, *verp;
    const char *envelope_id, *encoding, *rewrite_context, *log_ident;
    int dsn_ret, trace_flags;
    int64_t warn_offset; // of the W record; 0: none
    int64_t warn_time;
    struct queue_attr *attrs; // all A records, in order
    size_t attrs_len;
    struct queue_rcpt *rcpts;
    size_t rcpts_len;
    bool has_more_rcpts; // reading stopped at `max_rcpts`
    int64_t next_rcpt_offset;
};

// Value of an attribute, or "".
const char *queue_file_attr(const struct queue_file *qf, const char *name);

// Reads the envelope, and at most `max_rcpts` recipients that are not done, from an open file.
// A damaged file is a permanent error (the caller moves it to corrupt/); a file that is not
// finished is a temporary one.
MUST_CHECK bool queue_file_read(struct arena *arena, int fd, size_t max_rcpts,
                                struct queue_file *qf, struct error *err);
// Reads more recipients from next_rcpt_offset on (replaces qf->rcpts).
MUST_CHECK bool queue_file_read_more(struct arena *arena, int fd, size_t max_rcpts,
                                     struct queue_file *qf, struct error *err);

// Marks one recipient done, in place (R becomes D). `offset` and the record there are checked.
MUST_CHECK bool queue_file_mark_done(int fd, int64_t offset, struct error *err);
MUST_CHECK bool queue_file_clear_warning(int fd, const struct queue_file *qf, struct error *err);

// The content (header and body lines as they lie between M and X, pointers followed).
struct content_reader;
struct content_reader *content_open(int fd, int64_t data_offset, struct arena *arena);
// Next line or part of an over-long line: `*ends` tells whether a newline belongs behind it.
// False at the end (*err untouched) or for damage (err->kind set).
bool content_next(struct content_reader *c, struct str *text, bool *ends, struct error *err);

// Writes a new file: all through one buffer, one write for small messages.
struct queue_writer;
// `fd` from queue_create.
struct queue_writer *queue_writer_open(int fd, struct arena *arena);
MUST_CHECK bool queue_writer_put(struct queue_writer *w, int type, struct str payload,
                                 struct error *err);
int64_t queue_writer_offset(const struct queue_writer *w); // where the next record will begin
// Rewrites bytes already written (the size record).
MUST_CHECK bool queue_writer_patch(struct queue_writer *w, int64_t offset, struct str record,
                                   struct error *err);
// Everything written so far is in the file (but the file is not accepted).
MUST_CHECK bool queue_writer_flush(struct queue_writer *w, struct error *err);
// Everything written and on stable storage (fsync), then mode 0700: the message is accepted.
MUST_CHECK bool queue_writer_commit(struct queue_writer *w, bool sync, struct error *err);
