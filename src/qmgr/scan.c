// scan: files from incoming/ and deferred/ into the active queue, as far as there is room.
#include "qmgr/scan.h"
#include "mail/queue_id.h"
#include "table/maps.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Files looked at, of one queue, before the loop serves its peers again.
#define LOOKS 100
#define TAKES 20
// A file that somebody else has open is tried again after this.
#define BUSY_MS 2000

void scan_start(struct qmgr *qm, struct scan_state *scan)
{
    bool is_deferred = scan == &qm->deferred;

    if (scan->scan != NULL) {
        scan->again = true;
        return;
    }
    scan->scan = queue_scan_open(&qm->dir, is_deferred ? "deferred" : "incoming");
    scan->again = false;
    if (is_deferred) {
        scan->ignore_backoff = qm->ignore_backoff_next;
        qm->ignore_backoff_next = false;
        qm->next_deferred_ms =
            clock_ms() + qm->cfg->queue_run_delay.seconds * (int64_t)1000;
    }
}

void scan_retry_incoming(struct qmgr *qm)
{
    if (qm->retry_incoming_ms == 0)
        qm->retry_incoming_ms = clock_ms() + BUSY_MS;
}

static void scan_end(struct qmgr *qm, struct scan_state *scan)
{
    // The deferred queue is looked at again in any case.
    if (queue_scan_is_partial(scan->scan) && scan == &qm->incoming) {
        log_warn("incoming: not all folders could be read, will try again");
        scan_retry_incoming(qm);
    }
    queue_scan_close(scan->scan);
    scan->scan = NULL;
    if (scan->again)
        scan_start(qm, scan);
}

// "MICROSECONDS.PID": a file that is about to get its name.
static bool is_writer_gone(const char *name)
{
    const char *dot = strchr(name, '.');
    long pid;

    return dot != NULL && str_to_long(str_c(dot + 1), &pid) && pid > 1 &&
           kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

// An unfinished file that nobody has locked lost its writer; its sender was not told that
// the message was accepted.
static void remove_orphan(const char *path, const char *name, bool is_id)
{
    struct stat st;

    if (!is_id && !is_writer_gone(name))
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return;
    if (fd_lock_file(fd) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        !(st.st_mode & S_IXUSR) && unlink(path) == 0)
        log_info("%s: removed (canceled)", name);
    close(fd);
}

// Whether the file at `path` is complete, and its time has come.
static bool is_due(const struct qmgr *qm, const struct scan_state *scan, const char *path,
                   const char *name, bool is_id, bool is_deferred)
{
    struct stat st;

    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    if (!(st.st_mode & S_IXUSR)) {
        if (!is_deferred)
            remove_orphan(path, name, is_id);
        return false;
    }
    if (!is_id)
        return false;
    return !is_deferred || backoff_is_due(&qm->backoff, st.st_mtime, moment_now().sec,
                                          scan->ignore_backoff);
}

enum scan_result { SCAN_TOOK, SCAN_LOOKED, SCAN_ENDED, SCAN_FULL };

// Goes on until a file was taken, or enough were looked at.
static enum scan_result take_next(struct qmgr *qm, struct scan_state *scan)
{
    bool is_deferred = scan == &qm->deferred, is_id;
    char name[64], path[QUEUE_PATH_SIZE];

    for (int i = 0; i < LOOKS; i++) {
        if ((long)qm->messages_len >= qm->cfg->qmgr_message_active_limit)
            return SCAN_FULL;
        if (!queue_scan_next(scan->scan, name, path, &is_id)) {
            scan_end(qm, scan);
            return SCAN_ENDED;
        }
        if (!is_due(qm, scan, path, name, is_id, is_deferred))
            continue;
        enum take_result took = message_take(qm, is_deferred ? "deferred" : "incoming",
                                             name, scan->ignore_backoff);

        if (took == TAKE_BUSY && !is_deferred)
            scan_retry_incoming(qm);
        if (took != TAKE_DONE)
            continue;
        if (!is_deferred)
            flow_put(qm->flow);
        return SCAN_TOOK;
    }
    return SCAN_LOOKED;
}

bool scan_feed(struct qmgr *qm)
{
    bool more = false;

    // Where the next messages go is decided by the tables as they are now.
    if (qm->incoming.scan != NULL || qm->deferred.scan != NULL)
        (void)maps_refresh_all();
    for (int i = 0; i < TAKES; i++) {
        enum scan_result in = SCAN_ENDED, deferred = SCAN_ENDED;

        if (qm->incoming.scan != NULL)
            in = take_next(qm, &qm->incoming);
        if (qm->deferred.scan != NULL)
            deferred = take_next(qm, &qm->deferred);
        more = qm->incoming.scan != NULL || qm->deferred.scan != NULL;
        if (in == SCAN_FULL || deferred == SCAN_FULL)
            return false; // a message that ends makes room and wakes the loop
        if (!more || in == SCAN_LOOKED || deferred == SCAN_LOOKED)
            break;
    }
    return more;
}

void scan_recover_active(struct qmgr *qm)
{
    struct queue_scan *scan = queue_scan_open(&qm->dir, "active");
    char name[64], path[QUEUE_PATH_SIZE];
    bool is_id;

    while (queue_scan_next(scan, name, path, &is_id)) {
        if (is_id && !queue_move(&qm->dir, "active", "incoming", name) && errno != ENOENT)
            log_warn("rename from active to incoming: %s: %m", name);
    }
    queue_scan_close(scan);
}

void scan_close(struct qmgr *qm)
{
    struct scan_state *scans[] = {&qm->incoming, &qm->deferred};

    for (size_t i = 0; i < COUNT(scans); i++)
        if (scans[i]->scan != NULL)
            queue_scan_close(scans[i]->scan);
}
