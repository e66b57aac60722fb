// mailbox_lock: excluding other writers of a mailbox.
#include "mail/mailbox_lock.h"
#include "util/file.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned method;
} methods_by_name[] = {
    {"fcntl",   MAILBOX_LOCK_FCNTL  },
    {"flock",   MAILBOX_LOCK_FLOCK  },
    {"dotlock", MAILBOX_LOCK_DOTLOCK},
};

bool mailbox_lock_parse(const char *title, const char *text, unsigned *methods,
                        struct error *err)
{
    struct str rest = str_c(text);
    struct str word;
    unsigned found = 0;

    while (str_take(&rest, ", \t\r\n", &word)) {
        size_t i = 0;

        while (i < COUNT(methods_by_name) && !str_is_nocase(word, methods_by_name[i].name))
            i++;
        if (i == COUNT(methods_by_name))
            return error_config(err, "unknown %s value \"%.*s\" in \"%s\"", title,
                                STR_FMT(word), text);
        found |= methods_by_name[i].method;
    }
    *methods = found;
    return true;
}

struct mailbox_lock_policy mailbox_lock_policy(const struct mail_config *cfg,
                                               unsigned methods)
{
    return (struct mailbox_lock_policy){
        .methods = methods,
        .attempts = cfg->deliver_lock_attempts,
        .delay = cfg->deliver_lock_delay,
        .stale = cfg->stale_lock_time,
    };
}

static void pause_between(const struct mailbox_lock_policy *policy)
{
    struct timespec span = {.tv_sec = policy->delay.seconds};

    nanosleep(&span, NULL);
}

static bool lock_name(char *name, size_t size, const char *path, struct error *err)
{
    int len = snprintf(name, size, "%s.lock", path);

    if (len > 0 && (size_t)len < size)
        return true;
    errno = ENAMETOOLONG;
    return error_temp(err, "4.3.0", "unable to create lock file %s.lock: %m", path);
}

// The clock to compare with is the file system's, which may be another machine's: the
// access time of a lock that we have just made would tell, but an error of some seconds is
// harmless against minutes.
static bool remove_if_stale(const char *name, const struct mailbox_lock_policy *policy)
{
    struct stat st;

    if (lstat(name, &st) < 0)
        return errno == ENOENT;
    return time(NULL) - st.st_mtime > policy->stale.seconds && unlink(name) == 0;
}

bool dot_lock(const char *path, const struct mailbox_lock_policy *policy, struct error *err)
{
    char name[4096];

    if (!lock_name(name, sizeof(name), path, err))
        return false;
    for (long attempt = 0; attempt < policy->attempts; attempt++) {
        int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0400);

        if (fd >= 0) {
            close(fd);
            return true;
        }
        if (errno != EEXIST)
            return error_temp(err, "4.2.0", "unable to create lock file %s: %m", name);
        if (!remove_if_stale(name, policy) && attempt + 1 < policy->attempts)
            pause_between(policy);
    }
    errno = EEXIST;
    error_temp(err, "4.2.0", "unable to create lock file %s: %m", name);
    errno = EAGAIN;
    return false;
}

void dot_unlock(const char *path)
{
    char name[4096];

    if (lock_name(name, sizeof(name), path, NULL))
        unlink(name);
}

static bool lock_fcntl(int fd)
{
    return fd_lock(fd, FILE_LOCK_EXCLUSIVE, false);
}

static bool lock_flock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static bool lock_patiently(int fd, bool (*lock)(int fd),
                           const struct mailbox_lock_policy *policy)
{
    for (long attempt = 0; attempt < policy->attempts; attempt++) {
        if (attempt > 0)
            pause_between(policy);
        if (lock(fd))
            return true;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return false;
    }
    errno = EAGAIN;
    return false;
}

bool mailbox_lock_fd(int fd, const struct mailbox_lock_policy *policy, struct error *err)
{
    if (((policy->methods & MAILBOX_LOCK_FCNTL) &&
         !lock_patiently(fd, lock_fcntl, policy)) ||
        ((policy->methods & MAILBOX_LOCK_FLOCK) && !lock_patiently(fd, lock_flock, policy)))
        return error_temp(err, "4.2.0", "unable to lock for exclusive access: %m");
    return true;
}
