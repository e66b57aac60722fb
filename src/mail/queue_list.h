// queue_list: walking the whole queue for those who show it: showq(8), and postqueue(1)
// when the mail system is down. Memory does not grow with the number of files.
#pragma once
#include "mail/queue_dir.h"

struct listed_rcpt {
    const char *address;
    const char *reason; // from the defer log; "" when there is none
};

// What to do with what is found; false stops the walk (the reader has gone).
struct queue_lister {
    bool (*message)(void *ctx, const char *queue, const char *id, int64_t arrival,
                    int64_t size, bool forced_expire, const char *sender);
    bool (*rcpt)(void *ctx, const struct listed_rcpt *rcpt);
    bool (*message_end)(void *ctx);
};

// All messages: maildrop, active, incoming, deferred, hold. `null_sender` stands for the
// empty address. At most `known_limit` recipients of a defer log are remembered for each
// message, so as not to list them twice.
void queue_list(const struct queue_dir *q, const char *null_sender, long known_limit,
                const struct queue_lister *lister, void *ctx);
