// file: opening, reading whole, locking, and replacing files.
#include "util/file.h"
#include "util/buf.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool fd_write_all(int fd, const void *data, size_t len)
{
    const char *from = data;

    while (len > 0) {
        ssize_t n = write(fd, from, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        from += n;
        len -= (size_t)n;
    }
    return true;
}

bool fd_pwrite_all(int fd, const void *data, size_t len, int64_t offset)
{
    const char *from = data;

    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        from += n;
        offset += n;
        len -= (size_t)n;
    }
    return true;
}

ssize_t fd_read_full(int fd, void *data, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, (char *)data + got, len - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

ssize_t fd_pread_full(int fd, void *data, size_t len, int64_t offset)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = pread(fd, (char *)data + got, len - got, offset + (int64_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

bool file_read_all(struct arena *arena, const char *path, size_t max, struct str *data,
                   struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return error_temp(err, "4.3.0", "open %s: %m", path);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        errno = EISDIR;
        return error_temp(err, "4.3.0", "open %s: %m", path);
    }

    struct buf *b = buf_make(arena, max);
    ssize_t n = 0;
    bool fits = true;
    do {
        char *room = buf_room(b, 16384);
        char probe;
        if (room == NULL) { // the last piece, and one byte to see whether there is more
            size_t left = max - buf_len(b);
            room = buf_room(b, left);
            n = fd_read_full(fd, room, left);
            if (n >= 0)
                buf_added(b, (size_t)n);
            fits = n < 0 || fd_read_full(fd, &probe, 1) <= 0;
            break;
        }
        n = fd_read_full(fd, room, 16384);
        if (n > 0)
            buf_added(b, (size_t)n);
    } while (n > 0);
    close(fd);
    if (n < 0)
        return error_temp(err, "4.3.0", "read %s: %m", path);
    if (!fits)
        return error_temp(err, "4.3.0", "%s: larger than %zu bytes", path, max);
    *data = buf_view(b);
    return true;
}

bool file_sync_dir(const char *path, struct error *err)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');

    if (slash != NULL && (size_t)(slash - path) < sizeof(folder))
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
                 path);

    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_temp(err, "4.3.0", "open %s: %m", folder);
    bool synced = fsync(fd) == 0;
    close(fd);
    return synced || error_temp(err, "4.3.0", "fsync %s: %m", folder);
}

bool fd_lock(int fd, enum file_lock lock, bool wait)
{
    static const short types[] = {
        [FILE_LOCK_SHARED] = F_RDLCK,
        [FILE_LOCK_EXCLUSIVE] = F_WRLCK,
        [FILE_LOCK_NONE] = F_UNLCK,
    };
    struct flock fl = {.l_type = types[lock], .l_whence = SEEK_SET};

    while (fcntl(fd, wait ? F_SETLKW : F_SETLK, &fl) < 0) {
        if (errno == EINTR && wait)
            continue;
        if (errno == EACCES)
            errno = EAGAIN;
        return false;
    }
    return true;
}

bool fd_lock_file(int fd)
{
    struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &fl) == 0)
        return true;
    if (errno == EACCES)
        errno = EAGAIN;
    return false;
}

bool fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return false;
    if (((flags & O_NONBLOCK) != 0) == on)
        return true;
    return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0;
}

static bool write_new_file(int fd, const char *path, struct str data, unsigned mode,
                           struct error *err)
{
    struct stat old;

    if (stat(path, &old) == 0) {
        mode = old.st_mode & 07777;
        // Only root may give files away; for others the file stays theirs, as it was.
        if (fchown(fd, old.st_uid, old.st_gid) < 0 && geteuid() == 0)
            return error_temp(err, "4.3.0", "chown %s: %m", path);
    }
    if (fchmod(fd, (mode_t)mode) < 0)
        return error_temp(err, "4.3.0", "chmod %s: %m", path);
    if (!fd_write_all(fd, data.ptr, data.len) || fsync(fd) < 0)
        return error_temp(err, "4.3.0", "write %s: %m", path);
    return true;
}

bool file_replace(const char *path, struct str data, unsigned mode, struct error *err)
{
    char temporary[4096];

    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
        return error_temp(err, "4.3.0", "%s: name too long", path);
    if (unlink(temporary) < 0 && errno != ENOENT)
        return error_temp(err, "4.3.0", "remove %s: %m", temporary);

    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_temp(err, "4.3.0", "open %s: %m", temporary);
    bool done = write_new_file(fd, path, data, mode, err);
    close(fd);
    if (done && rename(temporary, path) < 0)
        done = error_temp(err, "4.3.0", "rename %s to %s: %m", temporary, path);
    if (!done)
        unlink(temporary);
    return done && file_sync_dir(path, err);
}

static bool is_comment(struct str line)
{
    struct str text = str_trim_left(line);

    return text.len == 0 || text.ptr[0] == '#';
}

bool logical_line_next(struct arena *arena, struct logical_lines *lines, struct str *line,
                       int *line_number)
{
    struct buf *joined = NULL;
    struct str first = {NULL, 0}, piece;

    while (lines->rest.len > 0) {
        struct str before = lines->rest;

        str_take_line(&lines->rest, &piece);
        if (is_comment(piece)) {
            lines->line_number++;
            continue;
        }
        if (!ascii_is_space(piece.ptr[0])) {
            if (first.ptr != NULL) { // the next logical line: put it back
                lines->rest = before;
                break;
            }
            first = piece;
            *line_number = ++lines->line_number;
            continue;
        }
        lines->line_number++;
        if (first.ptr == NULL) {
            lines->skipped_continuation = true;
            first = piece;
            *line_number = lines->line_number;
            continue;
        }
        if (joined == NULL) {
            joined = buf_make(arena, SIZE_MAX / 4);
            buf_put(joined, first);
        }
        buf_put(joined, piece);
    }
    if (first.ptr == NULL)
        return false;
    *line = str_trim_right(joined == NULL ? first : buf_view(joined));
    return true;
}
