// postsuper_act: deleting, requeueing, holding, releasing and expiring messages.
#include "tools/postsuper_act.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const logs[] = {"bounce", "defer", "trace"};

// compat: the mode bits that say "complete" and "give up at the next attempt".
#define MODE_COMPLETE S_IXUSR
#define MODE_EXPIRE S_IXGRP
#define WRITER_AGE_MAX 86400

// Where each action looks. A queue list on the command line narrows it.
static const char *const delete_queues[] = {"hold",     "incoming", "active", "deferred",
                                            "maildrop", "corrupt",  NULL};
static const char *const all_but_corrupt[] = {"hold",     "incoming", "active",
                                              "deferred", "maildrop", NULL};
static const char *const live_queues[] = {"hold", "incoming", "active", "deferred", NULL};
static const char *const holdable_queues[] = {"incoming", "active", "deferred", NULL};
static const char *const hold_queue[] = {"hold", NULL};

static const char *const *const action_queues[ACTIONS] = {
    [ACTION_DELETE] = delete_queues, [ACTION_REQUEUE] = live_queues,
    [ACTION_EXPIRE] = live_queues,   [ACTION_EXPIRE_RELEASE] = live_queues,
    [ACTION_HOLD] = holdable_queues, [ACTION_RELEASE] = hold_queue,
};

bool super_has_selected(const struct super *s, const char *queue)
{
    if (s->queues == NULL)
        return true;
    for (size_t i = 0; i < s->queues_len; i++)
        if (strcmp(s->queues[i], queue) == 0)
            return true;
    return false;
}

static void remove_logs(struct super *s, const char *id)
{
    for (size_t i = 0; i < COUNT(logs); i++)
        if (!queue_remove(&s->q, logs[i], id) && errno != ENOENT)
            s->warn("remove %s log of %s: %m", logs[i], id);
}

// ---- actions on a message in a known queue
// --------------------------------------------------- Each returns false when the message
// is not (any more) in `queue`.

static bool gone_or_warn(struct super *s, const char *what, const char *queue,
                         const char *id)
{
    if (errno != ENOENT)
        s->warn("%s %s/%s: %m", what, queue, id);
    return false;
}

static bool act_delete(struct super *s, const char *queue, const char *id, bool tell)
{
    if (!queue_remove(&s->q, queue, id))
        return gone_or_warn(s, "remove", queue, id);
    remove_logs(s, id);
    s->deleted++;
    if (tell)
        s->say("%s: removed", id);
    return true;
}

// Opens a message that is complete; -1 when there is none.
static int open_complete(struct super *s, const char *queue, const char *id,
                         struct stat *st)
{
    int fd = queue_open(&s->q, queue, id, O_RDONLY | O_NONBLOCK, NULL);

    if (fd < 0)
        return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && (st->st_mode & MODE_COMPLETE))
        return fd;
    close(fd);
    errno = ENOENT;
    return -1;
}

static bool is_complete(struct super *s, const char *queue, const char *id)
{
    struct stat st;
    int fd = open_complete(s, queue, id, &st);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool move(struct super *s, const char *from, const char *to, const char *id)
{
    if (!is_complete(s, from, id))
        return false;
    // The same name in the other queue would be somebody else's message.
    int there = queue_open(&s->q, to, id, O_RDONLY | O_NONBLOCK, NULL);

    if (there >= 0) {
        close(there);
        s->warn("%s: exists in the %s and the %s queue", id, from, to);
        return false;
    }
    return queue_move(&s->q, from, to, id) || gone_or_warn(s, "move", from, id);
}

static bool act_requeue(struct super *s, const char *queue, const char *id, bool tell)
{
    if (!move(s, queue, "maildrop", id))
        return false;
    // It comes back under another name.
    remove_logs(s, id);
    s->requeued++;
    if (tell)
        s->say("%s: requeued", id);
    return true;
}

static bool act_hold(struct super *s, const char *queue, const char *id, bool tell)
{
    if (!move(s, queue, "hold", id))
        return false;
    s->held++;
    if (tell)
        s->say("%s: placed on hold", id);
    return true;
}

static bool act_release(struct super *s, const char *queue, const char *id, bool tell)
{
    if (strcmp(queue, "hold") != 0 || !move(s, queue, "deferred", id))
        return false;
    s->released++;
    if (tell)
        s->say("%s: released from hold", id);
    return true;
}

static bool act_expire(struct super *s, const char *queue, const char *id, bool tell)
{
    struct stat st;
    int fd = open_complete(s, queue, id, &st);

    if (fd < 0)
        return false;
    if (!(st.st_mode & MODE_EXPIRE)) {
        if (fchmod(fd, (st.st_mode & 07777) | MODE_EXPIRE) < 0) {
            s->warn("set mode of %s/%s: %m", queue, id);
        } else {
            s->expired++;
            if (tell)
                s->say("%s: expired", id);
        }
    }
    close(fd);
    return true;
}

static bool act_expire_release(struct super *s, const char *queue, const char *id,
                               bool tell)
{
    if (!act_expire(s, queue, id, tell))
        return false;
    act_release(s, queue, id, tell);
    return true;
}

typedef bool act_function(struct super *s, const char *queue, const char *id, bool tell);
static act_function *const functions[ACTIONS] = {
    [ACTION_DELETE] = act_delete, [ACTION_REQUEUE] = act_requeue,
    [ACTION_EXPIRE] = act_expire, [ACTION_EXPIRE_RELEASE] = act_expire_release,
    [ACTION_HOLD] = act_hold,     [ACTION_RELEASE] = act_release,
};

void super_act(struct super *s, enum action action, const char *id)
{
    // A message that just moves from one queue to the next is looked for once more.
    for (int round = 0; round < 2; round++)
        for (const char *const *queue = action_queues[action]; *queue != NULL; queue++)
            if (super_has_selected(s, *queue) && functions[action](s, *queue, id, true))
                return;
}

// ---- whole queues
// ------------------------------------------------------------------------------
// The scan says where each file lies, so nothing is searched for; and what logs are left at
// the end is found by one look into their folders instead of several for each message.

struct found {
    const char *queue, *id, *path;
    bool is_complete;
};

// A file that is still being written belongs to its writer, who may just be telling the
// client that the message is safe. One that was left like this long ago has none.
static bool is_being_written(const struct stat *st)
{
    return !(st->st_mode & MODE_COMPLETE) && time(NULL) - st->st_mtime < WRITER_AGE_MAX;
}

// The log that a deferred message always has.
static void remove_usual_log(const struct super *s, const char *id)
{
    char path[QUEUE_PATH_SIZE];

    queue_path(&s->q, path, "defer", id);
    (void)unlink(path);
}

// False: nothing was done; the careful way may know better.
static bool move_found(const struct super *s, const struct found *f, const char *to)
{
    char path[QUEUE_PATH_SIZE];

    queue_path(&s->q, path, to, f->id);
    return f->is_complete &&
           renameat2(AT_FDCWD, f->path, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
}

static bool delete_found(struct super *s, const struct found *f)
{
    if (unlink(f->path) < 0)
        return false;
    remove_usual_log(s, f->id);
    s->deleted++;
    if (s->verbose)
        s->say("%s: removed", f->id);
    return true;
}

static bool requeue_found(struct super *s, const struct found *f)
{
    if (!move_found(s, f, "maildrop"))
        return false;
    remove_usual_log(s, f->id);
    s->requeued++;
    if (s->verbose)
        s->say("%s: requeued", f->id);
    return true;
}

static void act_on_found(struct super *s, enum action action, const struct found *f)
{
    bool done = (action == ACTION_DELETE && delete_found(s, f)) ||
                (action == ACTION_REQUEUE && requeue_found(s, f));

    if (!done)
        functions[action](s, f->queue, f->id, s->verbose);
}

static bool exists(struct super *s, const char *id)
{
    static const char *const queues[] = {"incoming", "active", "deferred", "hold",
                                         "corrupt"};

    // A message that just moves from one queue to the next is looked for once more.
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT(queues); i++) {
            int fd = queue_open(&s->q, queues[i], id, O_RDONLY | O_NONBLOCK, NULL);

            if (fd >= 0)
                close(fd);
            if (fd >= 0 || errno != ENOENT)
                return true;
        }
    return false;
}

// Logs whose message is gone.
static void remove_orphaned_logs(struct super *s)
{
    for (size_t i = 0; i < COUNT(logs); i++) {
        struct queue_scan *scan = queue_scan_open(&s->q, logs[i]);
        char id[64], path[QUEUE_PATH_SIZE];
        bool is_id;

        while (queue_scan_next(scan, id, path, &is_id))
            if (is_id && !exists(s, id) && unlink(path) < 0 && errno != ENOENT)
                s->warn("remove %s: %m", path);
        queue_scan_close(scan);
    }
}

static void act_on_queue(struct super *s, enum action action, const char *queue)
{
    struct queue_scan *scan = queue_scan_open(&s->q, queue);
    char id[64], path[QUEUE_PATH_SIZE];
    bool is_id;

    while (queue_scan_next(scan, id, path, &is_id)) {
        struct stat st;

        if (!is_id || lstat(path, &st) < 0)
            continue;
        struct found found = {queue, id, path,
                              S_ISREG(st.st_mode) && (st.st_mode & MODE_COMPLETE)};

        if (strcmp(queue, "corrupt") == 0 || !is_being_written(&st))
            act_on_found(s, action, &found);
    }
    queue_scan_close(scan);
}

void super_act_all(struct super *s, enum action action)
{
    // Like Postfix, ALL does not touch corrupt/ unless it is named.
    const char *const *queue = action == ACTION_DELETE && s->queues == NULL
                                   ? all_but_corrupt
                                   : action_queues[action];

    for (; *queue != NULL; queue++)
        if (super_has_selected(s, *queue))
            act_on_queue(s, action, *queue);
    if (action == ACTION_DELETE || action == ACTION_REQUEUE)
        remove_orphaned_logs(s);
}
