// message: one message of the active queue in memory, its recipients read in portions.
#include "qmgr/message.h"
#include "mail/address.h"
#include "qmgr/assign.h"
#include "qmgr/finish.h"
#include "qmgr/manager.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// compat: bits of a queue file's mode.
#define MODE_COMPLETE S_IXUSR
#define MODE_UNTHROTTLE S_IRGRP
#define MODE_EXPIRE S_IXGRP

// compat: bits of the trace_flags attribute.
#define TRACE_VERIFY ((1 << 8) | (1 << 9))

const char *qmgr_log_address(const struct qmgr *qm, struct arena *arena,
                             const char *address)
{
    if (strcmp(qm->mail->info_log_address_format, "internal") == 0)
        return address;
    return address_quote(arena, address);
}

// ---- the descriptor
// ---------------------------------------------------------------------------

void message_close_fd(struct message *msg)
{
    if (msg->fd < 0)
        return;
    close(msg->fd);
    msg->fd = -1;
    msg->qm->open_files--;
}

// The lock belongs to the open file, so that it lasts while an agent that got the
// descriptor is still at work, even when the queue manager has died.
static bool is_ours(int fd)
{
    return fd_lock_file(fd) || errno != EAGAIN;
}

int message_fd(struct message *msg)
{
    if (msg->fd >= 0)
        return msg->fd;
    msg->fd = queue_open(&msg->qm->dir, "active", msg->id, O_RDWR | O_CLOEXEC, NULL);
    if (msg->fd >= 0) {
        msg->qm->open_files++;
        (void)is_ours(msg->fd); // agents may hold it by the descriptor they have
    }
    return msg->fd;
}

// ---- recipients
// -------------------------------------------------------------------------------

static long portion_size(const struct message *msg)
{
    const struct qmgr_config *cfg = msg->qm->cfg;
    long room = cfg->qmgr_message_recipient_limit - msg->qm->core_rcpts;

    if (msg->jobs != NULL) {
        const struct transport *t = msg->jobs->transport;
        long of_transport = t->rules.core_limit - t->core_rcpts;

        // With the pool used up, a message that stands still may draw on the extra one.
        if (of_transport <= 0 && msg->pending == 0)
            of_transport += t->rules.extra_limit;
        if (of_transport < room)
            room = of_transport;
    }
    return room > cfg->qmgr_message_recipient_minimum ? room
                                                      : cfg->qmgr_message_recipient_minimum;
}

static void estimate_unread(struct message *msg)
{
    msg->has_more = msg->qf.has_more_rcpts;
    if (!msg->has_more)
        msg->unread = 0;
    for (struct job *job = msg->jobs; job != NULL; job = job->next_of_msg) {
        long limit = job->transport->rules.rcpt_limit;

        job->unread_max = (long)msg->unread;
        job->unread_min = limit > 0 ? (long)msg->unread / limit : 0;
        if (!msg->has_more)
            job->unread_min = job->unread_max = 0;
    }
}

// Schedules what queue_file_read or queue_file_read_more put into msg->qf.
static void schedule_portion(struct message *msg, struct arena *arena)
{
    struct queue_file *qf = &msg->qf;
    size_t len = 0;

    if (qf->redirect != NULL && qf->redirect[0] != '\0' && qf->rcpts_len > 0) {
        // compat: the one recipient stands for all of them.
        qf->rcpts_len = 1;
        qf->rcpts[0].address = qf->redirect;
        qf->has_more_rcpts = false;
    }
    struct portion *portion = ARENA_NEW(arena, struct portion);
    struct rcpt **list = arena_array(arena, qf->rcpts_len + 1, sizeof(struct rcpt *));
    struct rcpt *rcpts = arena_array(arena, qf->rcpts_len + 1, sizeof(struct rcpt));

    portion->arena = arena;
    for (size_t i = 0; i < qf->rcpts_len; i++) {
        const struct queue_rcpt *r = &qf->rcpts[i];

        if (r->done)
            continue;
        rcpts[len] = (struct rcpt){r->address,    r->orig,   r->dsn_orcpt,
                                   r->dsn_notify, r->offset, portion};
        list[len] = &rcpts[len];
        len++;
    }
    portion->live = len;
    msg->pending += len;
    msg->unread -= (int64_t)len;
    if (msg->unread < 0)
        msg->unread = 0;
    msg->qm->core_rcpts += (long)len;
    estimate_unread(msg);
    if (len == 0 && arena != msg->arena)
        arena_free(arena);
    msg->is_scheduling = true; // what is decided at once must not end the message meanwhile
    assign_rcpts(msg, list, len);
    msg->is_scheduling = false;
    estimate_unread(msg);
}

// False when nothing more can be read; what was not read stays in the queue then.
static bool refill(struct message *msg)
{
    struct arena *arena;
    struct error err;
    int fd = message_fd(msg);

    arena = arena_new();
    if (fd < 0 ||
        !queue_file_read_more(arena, fd, (size_t)portion_size(msg), &msg->qf, &err)) {
        log_warn("%s: %s", msg->id, fd < 0 ? strerror(errno) : err.text);
        arena_free(arena);
        msg->has_more = false;
        msg->deferred++;
        return false;
    }
    schedule_portion(msg, arena);
    return true;
}

static bool wants_refill(const struct message *msg)
{
    if (!msg->has_more)
        return false;
    if (msg->pending == 0)
        return true;
    const struct transport *t = msg->jobs == NULL ? NULL : msg->jobs->transport;
    long refill = t == NULL ? 1 : t->rules.refill_limit;

    return (long)msg->pending < refill && portion_size(msg) >= refill;
}

void message_settle(struct message *msg)
{
    if (msg->is_scheduling || msg->is_finishing)
        return;
    while (wants_refill(msg) && refill(msg))
        ;
    if (msg->pending == 0) {
        msg->is_finishing = true;
        finish_message(msg);
    }
}

void message_rcpts_done(struct message *msg, struct rcpt **rcpts, size_t len,
                        size_t deferred)
{
    msg->pending -= len;
    msg->deferred += deferred;
    if (deferred > 0)
        finish_tell_flush(msg, rcpts, len);
    for (size_t i = 0; i < len; i++) {
        struct portion *portion = rcpts[i]->portion;

        msg->qm->core_rcpts--;
        if (--portion->live == 0 && portion->arena != msg->arena)
            arena_free(portion->arena);
    }
    message_settle(msg);
}

// ---- taking a file up
// ---------------------------------------------------------------------------

void message_free(struct message *msg)
{
    struct qmgr *qm = msg->qm;

    jobs_free(&msg->jobs);
    message_close_fd(msg);
    HASH_DEL(qm->messages, msg);
    qm->messages_len--;
    if (msg->is_probe)
        qm->probes_len--;
    arena_free(msg->arena);
    free(msg);
}

static void save_corrupt(struct qmgr *qm, const char *id, const char *why)
{
    log_warn("%s: %s", id, why);
    log_warn("saving corrupt file \"%s\" from queue \"active\" to queue \"corrupt\"", id);
    if (!queue_move(&qm->dir, "active", "corrupt", id) && errno != ENOENT)
        log_warn("%s: save corrupt file queue active id %s: %m", id, id);
}

// A file that is older than this process may be what a power cut left of one that
// cleanup(8) was about to sync: complete by its mode, with holes in its content. Nobody was
// told that it was accepted.
static bool is_content_whole(const struct message *msg, struct error *err)
{
    struct arena *arena = arena_new();
    struct content_reader *in = content_open(msg->fd, msg->qf.data_offset, arena);
    struct str text;
    bool ends;

    err->kind = ERROR_NONE;
    while (content_next(in, &text, &ends, err))
        ;
    arena_free(arena);
    return err->kind != ERROR_PERMANENT;
}

static bool log_exists(const struct qmgr *qm, const char *queue, const char *id)
{
    int fd = queue_open(&qm->dir, queue, id, O_RDONLY | O_CLOEXEC, NULL);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void log_active(struct message *msg)
{
    log_info("%s: from=<%s>, size=%lld, nrcpt=%lld (queue active)", msg->id,
             qmgr_log_address(msg->qm, msg->arena, msg->qf.sender),
             (long long)msg->qf.content_size, (long long)msg->qf.rcpt_count);
}

static struct message *message_new(struct qmgr *qm, const char *id, int fd, mode_t mode)
{
    struct message *msg = mem_alloc(sizeof(*msg));

    msg->qm = qm;
    memcpy(msg->id, id, strlen(id) + 1);
    msg->arena = arena_new();
    msg->fd = fd;
    msg->active_at = moment_now();
    msg->unthrottle = (mode & MODE_UNTHROTTLE) != 0;
    msg->force_expire = (mode & MODE_EXPIRE) != 0;
    HASH_ADD_STR(qm->messages, id, msg);
    qm->messages_len++;
    qm->open_files++;
    return msg;
}

static void use_file(struct message *msg, const struct stat *st)
{
    struct qmgr *qm = msg->qm;
    mode_t mode = st->st_mode;
    bool is_old = !msg->from_deferred && st->st_mtime <= qm->started_sec;
    struct error err;

    if (!queue_file_read(msg->arena, msg->fd, (size_t)portion_size(msg), &msg->qf, &err) ||
        (is_old && !is_content_whole(msg, &err))) {
        if (err.kind == ERROR_PERMANENT) {
            save_corrupt(qm, msg->id, err.text);
        } else {
            log_warn("%s: %s", msg->id, err.text);
            finish_defer_file(qm, msg->id, msg->fd, qm->backoff.minimal.seconds);
        }
        message_free(msg);
        return;
    }
    if (msg->unthrottle && fchmod(msg->fd, mode & ~(mode_t)MODE_UNTHROTTLE & 07777) != 0)
        log_warn("update queue file active/%s: %m", msg->id);
    if (msg->qf.trace_flags & TRACE_VERIFY) {
        msg->is_probe = true;
        qm->probes_len++;
    }
    msg->unread = msg->qf.rcpt_count;
    log_active(msg);
    if (msg->from_deferred) {
        // Old reasons would be repeated; but one that expires now is to say them.
        if (msg->force_expire && log_exists(qm, "defer", msg->id))
            msg->has_defer_log = true;
        else if (!queue_remove(&qm->dir, "defer", msg->id) && errno != ENOENT)
            log_warn("remove defer/%s: %m", msg->id);
    }
    // The message may be over, and freed, when this returns.
    if (qm->open_files > qm->open_files_max)
        message_close_fd(msg);
    schedule_portion(msg, msg->arena);
    message_settle(msg);
}

enum take_result message_take(struct qmgr *qm, const char *from, const char *id,
                              bool ignore_backoff)
{
    struct message *msg;
    struct stat st;

    if ((long)qm->messages_len >= qm->cfg->qmgr_message_active_limit)
        return TAKE_NO_ROOM;
    HASH_FIND_STR(qm->messages, id, msg);
    if (msg != NULL)
        return TAKE_SKIPPED;
    int fd = queue_open(&qm->dir, from, id, O_RDWR | O_CLOEXEC | O_NOFOLLOW, NULL);

    if (fd < 0 && errno == ENOENT)
        return TAKE_SKIPPED; // gone since
    if (fd < 0) {
        log_warn("open %s/%s: %m", from, id);
        return TAKE_BUSY; // out of descriptors, say: that passes
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !(st.st_mode & MODE_COMPLETE)) {
        close(fd);
        return TAKE_SKIPPED;
    }
    if (!is_ours(fd)) {
        // An agent of an earlier queue manager; or cleanup, in the moment before it closes.
        if (st.st_ctime + 1 < moment_now().sec)
            log_info("%s: skipped, still being delivered", id);
        close(fd);
        return TAKE_BUSY;
    }
    if (!queue_move(&qm->dir, from, "active", id)) {
        close(fd);
        return TAKE_SKIPPED;
    }
    msg = message_new(qm, id, fd, st.st_mode);
    msg->from_deferred = strcmp(from, "deferred") == 0;
    msg->is_flushed = ignore_backoff;
    use_file(msg, &st);
    return TAKE_DONE;
}
