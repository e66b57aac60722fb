// postsuper_act: what postsuper(1) does to one message, and to whole queues.
#pragma once
#include "config/config.h"
#include "mail/queue_dir.h"

enum action {
    ACTION_DELETE,
    ACTION_REQUEUE,
    ACTION_EXPIRE,
    ACTION_EXPIRE_RELEASE, // expire, and release from hold
    ACTION_HOLD,
    ACTION_RELEASE,
    ACTIONS,
};

struct super {
    const struct mail_config *mail;
    struct queue_dir q;
    const char *const *queues; // only these; NULL: each action's own
    size_t queues_len;
    bool verbose;
    long deleted, requeued, expired, held, released, renamed;
    // Log lines need the rights that the command was started with, work on the queue must
    // not have them (see postsuper.c).
    void (*say)(const char *fmt, ...) PRINTF_LIKE(1, 2);
    void (*warn)(const char *fmt, ...) PRINTF_LIKE(1, 2);
};

// Whether the command line names `queue`, or none at all.
bool super_has_selected(const struct super *s, const char *queue);
// One message, wherever it is; an unknown ID is no error. Each change is told.
void super_act(struct super *s, enum action action, const char *id);
// All messages of the queues; only counted.
void super_act_all(struct super *s, enum action action);
// -p: removes files that were left half-written long ago.
void super_purge(struct super *s);
// -s and (`also_long_ids`) -S: gives files the names and folders that they should have.
void super_repair(struct super *s, bool also_long_ids);
