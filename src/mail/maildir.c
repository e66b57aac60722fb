// maildir: writing a message as a new file of a Maildir.
#include "mail/maildir.h"
#include "mail/privilege.h"
#include "util/buf.h"
#include "util/file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

const char *maildir_host(struct arena *arena, const char *host)
{
    size_t len = strlen(host);
    struct buf *out = buf_make(arena, 4 * len + 1);

    for (size_t i = 0; i < len; i++) {
        if (host[i] == '/')
            buf_put_c(out, "\\057");
        else if (host[i] == ':')
            buf_put_c(out, "\\072");
        else
            buf_put(out, str_n(host + i, 1));
    }
    return buf_text(out);
}

const char *maildir_name(struct arena *arena, struct moment when, uint64_t dev,
                         uint64_t inode, const char *host)
{
    return arena_printf(arena, "%" PRId64 ".V%" PRIx64 "I%" PRIx64 "M%d.%s", when.sec, dev,
                        inode, (int)when.usec, host);
}

// mkdir -p, for a Maildir that nobody has made so far.
static bool make_folders(struct arena *arena, const char *path)
{
    char *work = arena_strdup(arena, path);

    for (char *p = work + 1; *p != '\0'; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(work, 0700) < 0 && errno != EEXIST && access(work, F_OK) < 0)
            return false;
        *p = '/';
    }
    return mkdir(work, 0700) == 0 || errno == EEXIST;
}

static const char *const subfolders[] = {"tmp", "new", "cur"};

static bool make_maildir(struct arena *arena, const char *path)
{
    for (size_t i = 0; i < COUNT(subfolders); i++)
        if (!make_folders(arena, arena_printf(arena, "%s%s", path, subfolders[i])))
            return false;
    return true;
}

static int create(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static bool failed(struct error *err, const char *what, const char *path)
{
    char text[1024];

    snprintf(text, sizeof(text), "%s %s", what, path);
    return mail_file_error(err, text);
}

static bool write_message(struct arena *arena, const struct mail_file *file, int fd,
                          struct error *err)
{
    struct limited_file out = {.fd = fd, .room = file->limit > 0 ? file->limit : -1};

    return mail_file_write(arena, file, &out, err) &&
           (fsync(fd) == 0 || mail_file_error(err, "error writing message"));
}

// Never replaces a message that is there already, as a plain rename(2) would.
static bool give_name(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    // The file system (NFS, for one) does not know the flag.
    if (link(from, to) < 0)
        return false;
    unlink(from);
    return true;
}

static bool publish(const char *from, const char *to, struct error *err)
{
    if (!give_name(from, to))
        return failed(err, "create maildir file", to);
    return file_sync_dir(to, err);
}

static bool deliver(struct arena *arena, const struct mail_file *file, struct error *err)
{
    char host[256] = "localhost";
    struct moment now = moment_now();
    struct stat st;

    gethostname(host, sizeof(host) - 1);
    const char *safe_host = maildir_host(arena, host);
    const char *temporary = arena_printf(arena, "%stmp/%" PRId64 ".P%ld.%s", file->path,
                                         now.sec, (long)getpid(), safe_host);
    int fd = create(temporary);
    if (fd < 0 && errno == ENOENT && make_maildir(arena, file->path))
        fd = create(temporary);
    if (fd < 0 && errno == EEXIST && unlink(temporary) == 0) // of a process that died
        fd = create(temporary);
    if (fd < 0)
        return failed(err, "create maildir file", temporary);
    bool done = fstat(fd, &st) == 0 || failed(err, "create maildir file", temporary);
    done = done && write_message(arena, file, fd, err);
    if (close(fd) < 0 && done)
        done = mail_file_error(err, "error writing message");
    if (done) {
        const char *name = maildir_name(arena, now, st.st_dev, st.st_ino, safe_host);
        const char *final = arena_printf(arena, "%snew/%s", file->path, name);

        done = publish(temporary, final, err);
        if (!done && err->kind == ERROR_PERMANENT && make_maildir(arena, file->path))
            done = publish(temporary, final, err); // tmp/ was there, new/ was not
    }
    if (!done)
        unlink(temporary);
    return done;
}

bool maildir_deliver(struct arena *arena, const struct mail_file *file, struct error *err)
{
    struct privilege saved;

    if (!privilege_become(&saved, file->uid, file->gid, err))
        return false;
    bool done = deliver(arena, file, err);
    privilege_return(&saved);
    return done;
}
