// mbox: appending a message to a UNIX mailbox file, all or nothing, under its locks.
#include "mail/mbox.h"
#include "mail/privilege.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool mail_file_error(struct error *err, const char *what)
{
    switch (errno) {
    case EFBIG:
    case EDQUOT:
        return error_perm(err, "5.2.2", "%s: %m", what);
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case ELOOP:
    case ENXIO:
    case ENAMETOOLONG:
        return error_perm(err, "5.2.0", "%s: %m", what);
    default:
        return error_temp(err, "4.2.0", "%s: %m", what);
    }
}

bool limited_file_write(void *ctx, const char *data, size_t len)
{
    struct limited_file *f = ctx;

    if (f->room >= 0) {
        if ((uint64_t)f->room < len) {
            errno = EFBIG;
            return false;
        }
        f->room -= (int64_t)len;
    }
    return fd_write_all(f->fd, data, len);
}

// A link that root placed in a folder where only root can place one is the administrator's
// wish.
static bool is_trusted_link(const char *path)
{
    char folder[4096];
    struct stat st;
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (lstat(path, &st) < 0 || !S_ISLNK(st.st_mode) || st.st_uid != 0 || len == 0 ||
        len >= sizeof(folder))
        return false;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return stat(folder, &st) == 0 && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static int open_existing(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags | O_NOFOLLOW);

    if (fd < 0 && errno == ELOOP && is_trusted_link(path))
        fd = open(path, flags);
    return fd;
}

// Makes an empty mailbox that belongs to the writer. Losing the race against another
// creator is no failure.
static bool create_file(const struct mail_file *file, struct error *err)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(file->path, flags, 0600);

    if (fd < 0)
        return errno == EEXIST || mail_file_error(err, "cannot create file exclusively");
    if (file->system_spool && fchown(fd, file->uid, (gid_t)-1) < 0) {
        mail_file_error(err, "cannot set file owner");
        unlink(file->path);
        close(fd);
        return false;
    }
    close(fd);
    return true;
}

static bool check_file(const struct mail_file *file, const struct stat *st,
                       struct error *err)
{
    if (S_ISDIR(st->st_mode)) {
        errno = EISDIR;
        return mail_file_error(err, "cannot open file");
    }
    if (!S_ISREG(st->st_mode))
        return true; // a device or FIFO that the writer may write to
    if (st->st_nlink > 1)
        return error_perm(err, "5.2.0", "cannot open file: file has %ld hard links",
                          (long)st->st_nlink);
    if (file->strict_ownership && st->st_uid != file->uid)
        return error_temp(err, "4.2.0", "destination %s is not owned by recipient",
                          file->path);
    return true;
}

static bool copy_message(struct arena *arena, const struct mail_file *file,
                         struct limited_file *out, struct error *err)
{
    switch (mail_copy(arena, file->queue_fd, file->data_offset, &file->format,
                      limited_file_write, out, err)) {
    case MAIL_COPY_OK:
        return true;
    case MAIL_COPY_SOURCE:
        return false;
    case MAIL_COPY_SINK:
        break;
    }
    return mail_file_error(err, "error writing message");
}

bool mail_file_write(struct arena *arena, const struct mail_file *file,
                     struct limited_file *out, struct error *err)
{
    struct privilege saved;
    bool done;

    if (file->writer_uid == 0)
        return copy_message(arena, file, out, err);
    if (!privilege_become(&saved, file->writer_uid, file->writer_gid, err))
        return false;
    done = copy_message(arena, file, out, err);
    privilege_return(&saved);
    return done;
}

static bool append(struct arena *arena, const struct mail_file *file, int fd,
                   const struct stat *before, struct error *err)
{
    struct limited_file out = {.fd = fd, .room = -1};
    bool regular = S_ISREG(before->st_mode);

    if (regular && file->limit > 0)
        out.room = before->st_size > file->limit ? 0 : file->limit - before->st_size;
    if (mail_file_write(arena, file, &out, err)) {
        if (!regular || fsync(fd) == 0)
            return true;
        mail_file_error(err, "error writing message");
    }
    if (regular && ftruncate(fd, before->st_size) < 0)
        log_warn("%s: cannot take back a partial message: %m", file->path);
    return false;
}

// With the folder-level lock held, as the writer: opens, locks, checks, appends.
static bool open_and_append(struct arena *arena, const struct mail_file *file,
                            struct error *err)
{
    struct stat st;
    int fd = open_existing(file->path);
    bool done;

    if (fd < 0 && errno == ENOENT && !file->system_spool) {
        if (!create_file(file, err))
            return false;
        fd = open_existing(file->path);
    }
    if (fd < 0)
        return mail_file_error(err, "cannot open file");
    if (fstat(fd, &st) < 0)
        done = mail_file_error(err, "cannot open file");
    else if (!check_file(file, &st, err))
        done = false;
    else if (S_ISREG(st.st_mode) && !mailbox_lock_fd(fd, file->lock, err))
        done = false;
    else if (!fd_set_nonblocking(fd, false) ||
             fstat(fd, &st) < 0) // the size under the lock
        done = mail_file_error(err, "cannot open file");
    else
        done = append(arena, file, fd, &st, err);
    if (close(fd) < 0 && done)
        done = mail_file_error(err, "error writing message");
    return done;
}

static bool needs_dot_lock(const struct mail_file *file)
{
    struct stat st;

    return (file->lock->methods & MAILBOX_LOCK_DOTLOCK) &&
           (stat(file->path, &st) < 0 || S_ISREG(st.st_mode));
}

// In a user's own folder all happens as the user. A lock file that cannot be made there is
// only warned about when the mailbox itself tells the same or better (a folder without
// write permission, with an existing mailbox in it).
static bool deliver_as_user(struct arena *arena, const struct mail_file *file,
                            struct error *err)
{
    bool locked = false;

    if (needs_dot_lock(file)) {
        locked = dot_lock(file->path, file->lock, err);
        if (!locked && errno == EAGAIN)
            return false;
        if (!locked && (file->require_dot_lock || errno == ENOSPC || errno == EDQUOT))
            return false;
        if (!locked)
            log_warn("%s", err->text);
    }
    bool done = open_and_append(arena, file, err);
    if (locked)
        dot_unlock(file->path);
    return done;
}

// Group of the folder, so that a setgid-less /var/mail gets the same result.
static gid_t folder_group(const char *path)
{
    char folder[4096];
    struct stat st;
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (len == 0 || len >= sizeof(folder))
        return getegid();
    memcpy(folder, path, len);
    folder[len] = '\0';
    return stat(folder, &st) == 0 ? st.st_gid : getegid();
}

static bool deliver_in_spool(struct arena *arena, const struct mail_file *file,
                             struct error *err)
{
    struct privilege outer, inner;
    struct stat st;
    bool done = false;
    bool want_lock = file->lock->methods & MAILBOX_LOCK_DOTLOCK;

    if (!privilege_become(&outer, 0, folder_group(file->path), err))
        return false;
    if (!want_lock || dot_lock(file->path, file->lock, err)) {
        bool exists = lstat(file->path, &st) == 0 || create_file(file, err);

        if (exists && privilege_become(&inner, file->uid, file->gid, err)) {
            done = open_and_append(arena, file, err);
            privilege_return(&inner);
        }
        if (want_lock)
            dot_unlock(file->path);
    }
    privilege_return(&outer);
    return done;
}

bool mbox_deliver(struct arena *arena, const struct mail_file *file, struct error *err)
{
    struct privilege saved;
    bool done;

    if (file->system_spool && privilege_is_available())
        return deliver_in_spool(arena, file, err);
    struct mail_file own = *file;
    own.system_spool = false;
    if (!privilege_become(&saved, file->uid, file->gid, err))
        return false;
    done = deliver_as_user(arena, &own, err);
    privilege_return(&saved);
    return done;
}
