// report: one delivery status notification (RFC 3461-3464, 6533): composed, and given to
// cleanup(8).
#pragma once
#include "bounce/bounce_config.h"
#include "bounce/bounce_log.h"
#include "mail/bounce_template.h"
#include "mail/cleanup_client.h"

// What reports need of the process.
struct reporter {
    struct config *config;
    const struct mail_config *mail;
    const struct bounce_config *cfg;
    const struct bounce_templates *templates;
    struct queue_dir queue;
};

// The message that reports are about.
struct original {
    const struct bounce_request *req;
    int fd;              // its queue file; -1 when it is gone
    int64_t arrival;     // seconds; 0 when not known
    int64_t data_offset; // of its content; 0 when it has none so far
    int64_t content_size;
    const char *sender_shown; // MAILER-DAEMON@host for the null sender
    bool is_utf8;
};

// Finds the queue file. Never fails: what cannot be read is left out of the report.
void original_open(struct original *o, const struct reporter *r,
                   const struct bounce_request *req, struct arena *arena);
void original_close(struct original *o);

struct report {
    enum bounce_template_kind kind;
    const char *action; // "failed", "delayed"; NULL: each recipient's own
    bool to_postmaster; // its subject, no explanation
    bool headers_only;  // not the whole message (which bounce_size_limit may forbid, too)
    const char *sender; // of the report
    const char *recipient; // to whom it goes
    const char *log_label; // "sender non-delivery notification"
    const struct bounce_rcpt *rcpts;
    size_t rcpts_len;
};
// Sends it and logs its queue ID. False: not accepted; try later.
MUST_CHECK bool report_send(const struct reporter *r, const struct original *o,
                            const struct report *report, struct arena *arena,
                            struct error *err);

// Texts in a report (reasons, template bodies) are bounded by the frames and files that
// they come in.
#define BOUNCE_TEXT_MAX (80u << 20)

// Appends `text` in lines of at most 79 columns, broken at blanks and continued after four
// blanks.
void report_fold(struct buf *out, struct str text);
