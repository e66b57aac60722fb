// master_lock: the two files that say which master runs, and keep a second one away.
#include "master/master_lock.h"
#include "util/file.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { FLOCK_TRIES = 25, FLOCK_PAUSE_MS = 20 };

// compat: Postfix's master takes a flock(2) lock, which knows nothing of fcntl(2) locks.
// Only with both do the two keep each other away (tests/packaging/takeover.sh). The lock is
// tried again, because `postfix status` takes it for a moment to find out.
static bool take_flock(int fd)
{
    for (int i = 0; i < FLOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK)
            return false;
        poll(NULL, 0, FLOCK_PAUSE_MS);
    }
    errno = EAGAIN;
    return false;
}

int master_lock_take(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        error_config(err, "open lock file %s: cannot open file: %m", path);
        return -1;
    }
    if (!fd_lock(fd, FILE_LOCK_EXCLUSIVE, false) || !take_flock(fd)) {
        error_config(err, "open lock file %s: unable to set exclusive lock: %m", path);
        close(fd);
        return -1;
    }
    return fd;
}

bool master_lock_write(int fd, const char *path, struct error *err)
{
    char line[40];
    int len = snprintf(line, sizeof(line), "%32ld\n", (long)getpid());

    if (ftruncate(fd, 0) < 0 || !fd_pwrite_all(fd, line, (size_t)len, 0))
        return error_config(err, "cannot update lock file %s: %m", path);
    return true;
}

bool master_lock_is_held(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return false;
    bool held = (!fd_lock(fd, FILE_LOCK_EXCLUSIVE, false) || !take_flock(fd)) &&
                (errno == EAGAIN || errno == EACCES);
    close(fd);
    return held;
}
