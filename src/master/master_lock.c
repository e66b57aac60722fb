// master_lock: the two files that say which master runs, and keep a second one away.
#include "master/master_lock.h"
#include "util/file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int master_lock_take(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        error_config(err, "open lock file %s: cannot open file: %m", path);
        return -1;
    }
    if (!fd_lock(fd, FILE_LOCK_EXCLUSIVE, false)) {
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
    bool held =
        !fd_lock(fd, FILE_LOCK_EXCLUSIVE, false) && (errno == EAGAIN || errno == EACCES);
    close(fd);
    return held;
}
