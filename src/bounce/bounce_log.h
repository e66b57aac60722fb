// bounce_log: the text files bounce/ID, defer/ID and trace/ID: what became of recipients so
// far.
#pragma once
#include "mail/bounce_client.h"
#include "mail/queue_dir.h"

// Appends the recipients of a request. With `sync` they are on stable storage on return.
// After a failure the file is as it was.
MUST_CHECK bool bounce_log_append(const struct queue_dir *q, const char *queue,
                                  const char *id, const struct bounce_rcpt *rcpts,
                                  size_t len, bool backwards_compatible, bool sync,
                                  struct error *err);

struct bounce_log {
    struct bounce_rcpt *rcpts;
    size_t len;
};
// Reads the whole log; an empty one when there is no file.
MUST_CHECK bool bounce_log_read(const struct queue_dir *q, const char *queue,
                                const char *id, struct arena *arena, struct bounce_log *log,
                                struct error *err);
// The same from its text.
void bounce_log_parse(struct arena *arena, struct str text, struct bounce_log *log);
