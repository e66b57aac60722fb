// site_log: for each site, which messages wait for it: a file in flush/ with a queue ID a
// line.
#include "flush/site_log.h"
#include "mail/queue_id.h"
#include "util/file.h"
#include "util/log.h"
#include "util/stream.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void site_log_name(char name[SITE_NAME_SIZE], const char *site)
{
    size_t len = 0;

    for (; *site != '\0' && len < SITE_NAME_SIZE - 1; site++)
        name[len++] = ascii_is_alnum(*site) ? ascii_lower(*site) : '_';
    name[len] = '\0';
}

// The log's file, locked. -1 with errno.
static int open_log(struct site_logs *logs, const char *site, bool create)
{
    char name[SITE_NAME_SIZE], path[QUEUE_PATH_SIZE];
    int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW;

    site_log_name(name, site);
    int fd = queue_open(logs->dir, "flush", name, flags, NULL);

    if (fd < 0 && errno == ENOENT && create) {
        queue_path(logs->dir, path, "flush", name);
        for (char *slash = strchr(path, '/'); slash != NULL;
             slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            if (mkdir(path, 0700) != 0 && errno != EEXIST)
                return -1;
            *slash = '/';
        }
        fd = open(path, flags | O_CREAT, 0600);
    }
    if (fd >= 0 && !fd_lock(fd, FILE_LOCK_EXCLUSIVE, true)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool site_log_add(struct site_logs *logs, const char *site, const char *id,
                  struct error *err)
{
    char line[QUEUE_ID_SIZE + 2];
    int len = snprintf(line, sizeof(line), "%s\n", id);
    int fd = open_log(logs, site, true);
    bool ok = fd >= 0 && fd_write_all(fd, line, (size_t)len);

    if (!ok)
        error_temp(err, "4.3.0", "fast flush log for %s: %m", site);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool site_log_send_file(struct site_logs *logs, const char *id)
{
    char path[QUEUE_PATH_SIZE];
    struct stat st;
    int fd = queue_open(logs->dir, "deferred", id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, path);

    if (fd < 0)
        return false;
    // compat: group read access asks qmgr to forget that the destination was dead.
    bool ok = fstat(fd, &st) == 0 && fchmod(fd, (st.st_mode & 07777) | S_IRGRP) == 0 &&
              futimens(fd, NULL) == 0 && queue_move(logs->dir, "deferred", "incoming", id);

    if (!ok)
        log_warn("%s: move to incoming: %m", path);
    else
        qmgr_client_arrived(logs->qmgr, id);
    close(fd);
    return ok;
}

// Takes every message of the log, then empties it.
static void send_log(struct site_logs *logs, int fd)
{
    FILE *in = fdopen(dup(fd), "r");
    char line[QUEUE_ID_SIZE + 2];

    if (in == NULL)
        return;
    rewind(in);
    while (fgets(line, sizeof(line), in) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (queue_id_is_valid(str_c(line)))
            (void)site_log_send_file(logs, line);
    }
    if (ftruncate(fd, 0) != 0)
        log_warn("truncate fast flush log: %m");
    fclose(in);
}

bool site_log_send(struct site_logs *logs, const char *site, struct error *err)
{
    int fd = open_log(logs, site, false);

    if (fd < 0 && errno == ENOENT)
        return true; // nothing waits
    if (fd < 0)
        return error_temp(err, "4.3.0", "fast flush log for %s: %m", site);
    send_log(logs, fd);
    close(fd);
    return true;
}

void site_log_refresh(struct site_logs *logs, long refresh, long purge)
{
    struct queue_scan *scan = queue_scan_open(logs->dir, "flush");
    char name[64], path[QUEUE_PATH_SIZE];
    int64_t now = moment_now().sec;
    struct stat st;
    bool is_id;

    while (queue_scan_next(scan, name, path, &is_id)) {
        if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (st.st_size > 0 && st.st_mtime + refresh < now) {
            int fd = open_log(logs, name, false);

            if (fd < 0)
                continue;
            send_log(logs, fd);
            close(fd);
        } else if (st.st_size == 0 && st.st_mtime + purge < now) {
            if (unlink(path) != 0 && errno != ENOENT)
                log_warn("remove %s: %m", path);
        }
    }
    queue_scan_close(scan);
}
