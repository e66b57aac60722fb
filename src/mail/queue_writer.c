// queue_writer: a new queue file: everything through one buffer, one write for small
// messages.
#include "mail/queue_file.h"
#include "util/file.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLUSH_AT 65536u

struct queue_writer {
    int fd;
    struct buf *out;
    int64_t written; // bytes that are in the file
};

struct queue_writer *queue_writer_open(int fd, struct arena *arena)
{
    struct queue_writer *w = ARENA_NEW(arena, struct queue_writer);

    w->fd = fd;
    w->out = buf_make(arena, FLUSH_AT + RECORD_MAX + 64);
    return w;
}

static bool flush(struct queue_writer *w, struct error *err)
{
    struct str data = buf_view(w->out);

    if (data.len == 0)
        return true;
    if (!fd_write_all(w->fd, data.ptr, data.len))
        return error_temp(err, "4.3.0", "write queue file: %m");
    w->written += (int64_t)data.len;
    buf_clear(w->out);
    return true;
}

bool queue_writer_put(struct queue_writer *w, int type, struct str payload,
                      struct error *err)
{
    if (!record_put(w->out, type, payload))
        return error_perm(err, "5.3.4", "record of %zu bytes is too long", payload.len);
    return buf_len(w->out) < FLUSH_AT || flush(w, err);
}

int64_t queue_writer_offset(const struct queue_writer *w)
{
    return w->written + (int64_t)buf_len(w->out);
}

bool queue_writer_patch(struct queue_writer *w, int64_t offset, struct str record,
                        struct error *err)
{
    ensure(offset >= 0 && offset + (int64_t)record.len <= queue_writer_offset(w));
    if (offset >= w->written) {
        // Still in the buffer, which is ours.
        memcpy((char *)(uintptr_t)buf_view(w->out).ptr + (offset - w->written), record.ptr,
               record.len);
        return true;
    }
    if (!flush(w, err))
        return false;
    if (!fd_pwrite_all(w->fd, record.ptr, record.len, offset))
        return error_temp(err, "4.3.0", "write queue file: %m");
    return true;
}

bool queue_writer_flush(struct queue_writer *w, struct error *err)
{
    return flush(w, err);
}

bool queue_writer_commit(struct queue_writer *w, bool sync, struct error *err)
{
    if (!flush(w, err))
        return false;
    // Before the sync: the mode has to survive a power cut just as the bytes do. Who sees
    // it a moment too early delivers a message that its sender repeats after a crash: no
    // loss.
    if (fchmod(w->fd, 0700) < 0)
        return error_temp(err, "4.3.0", "set mode of queue file: %m");
    if (sync && fsync(w->fd) < 0)
        return error_temp(err, "4.3.0", "write queue file: %m");
    return true;
}
