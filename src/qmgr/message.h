// message: one message of the active queue in memory, its recipients read in portions.
#pragma once
#include "mail/queue_file.h"
#include "qmgr/sched.h"

struct qmgr;

// Recipients that were read together live and go together.
struct portion {
    struct arena *arena;
    size_t live;
};

struct rcpt {
    const char *address, *orig, *dsn_orcpt;
    int dsn_notify;
    int64_t offset;
    struct portion *portion;
};

struct message {
    struct qmgr *qm;
    char id[64];
    struct arena *arena; // the envelope
    struct queue_file qf;
    int fd; // -1: not open now
    struct moment active_at;
    struct job *jobs;
    size_t pending; // recipients in memory, not decided
    int64_t unread; // at most so many more in the file
    bool has_more;
    size_t deferred; // recipients that stay
    bool from_deferred, is_flushed, unthrottle, force_expire;
    bool has_defer_log, is_probe, is_finishing, is_scheduling, is_gone;
    bool is_expired, bounce_failed;
    UT_hash_handle hh;
};

enum take_result {
    TAKE_DONE,
    TAKE_SKIPPED, // gone, not complete, or in work
    TAKE_BUSY,    // somebody else has it open: try again later
    TAKE_NO_ROOM,
};

// Moves `from`/`id` into the active queue and schedules its recipients. `path`, as a scan
// gave it, or NULL. `ignore_backoff`: taken by a flush.
enum take_result message_take(struct qmgr *qm, const char *from, const char *id,
                              bool ignore_backoff);
// Descriptor of the queue file, opened again if need be; -1 when the file has gone.
int message_fd(struct message *msg);
void message_close_fd(struct message *msg);
// `len` recipients of `rcpts` are decided, `deferred` of them stay in the queue. Reads more
// of them, or finishes the message, when that was the last.
void message_rcpts_done(struct message *msg, struct rcpt **rcpts, size_t len,
                        size_t deferred);
void message_free(struct message *msg);
// Reads more recipients if there are any and there is room; finishes the message, which is
// freed sooner or later then, when all are decided.
void message_settle(struct message *msg);
