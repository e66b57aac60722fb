// postsuper_repair: names and folders of queue files as they should be, and old leftovers.
#include "mail/queue_id.h"
#include "tools/postsuper_act.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Temporary files older than this have no writer any more.
#define LEFTOVER_AGE (7 * 86400)

// compat: as Postfix's, "flush" has names of its own and is left alone.
static const char *const message_queues[] = {"maildrop", "incoming", "active",
                                             "deferred", "hold",     "corrupt"};
static const char *const log_queues[] = {"bounce", "defer", "trace"};

// ---- purge
// -------------------------------------------------------------------------------

// "123456.7890", as files are called while they are created.
static bool is_temporary_name(const char *name)
{
    return strspn(name, "0123456789.") == strlen(name) && strchr(name, '.') != NULL;
}

static void purge_queue(struct super *s, const char *queue)
{
    struct queue_scan *scan = queue_scan_open(&s->q, queue);
    char name[64], path[QUEUE_PATH_SIZE];
    time_t now = time(NULL);
    struct stat st;
    bool is_id;

    while (queue_scan_next(scan, name, path, &is_id)) {
        if (is_id)
            continue;
        if (!is_temporary_name(name) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
            now - st.st_mtime < LEFTOVER_AGE) {
            s->warn("bogus file name: %s", path);
            continue;
        }
        if (unlink(path) < 0)
            s->warn("remove %s: %m", path);
        else if (s->verbose)
            s->say("removed file %s", path);
    }
    queue_scan_close(scan);
}

void super_purge(struct super *s)
{
    for (size_t i = 0; i < COUNT(message_queues); i++)
        if (super_has_selected(s, message_queues[i]))
            purge_queue(s, message_queues[i]);
}

// ---- repair
// ------------------------------------------------------------------------------

static void make_folders(const char *path)
{
    char part[QUEUE_PATH_SIZE];
    const char *slash = strchr(path, '/');

    while (slash != NULL && (slash = strchr(slash + 1, '/')) != NULL) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        (void)!mkdir(part, 0700); // what is missing then shows in the rename
    }
}

// Never over an existing file. When there is one the two change places: the other's name is
// wrong as well, and its turn comes. False with errno.
static bool rename_or_exchange(const char *from, const char *to, bool *exchanged)
{
    *exchanged = false;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == ENOENT) {
        make_folders(to);
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
            return true;
    }
    if (errno != EEXIST)
        return false;
    *exchanged = true;
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0;
}

// The logs follow their message to its new name.
static void rename_logs(struct super *s, const char *from_id, const char *to_id)
{
    for (size_t i = 0; i < COUNT(log_queues); i++) {
        char from[QUEUE_PATH_SIZE], to[QUEUE_PATH_SIZE];
        int fd = queue_open(&s->q, log_queues[i], from_id, O_RDONLY, from);
        int other = queue_open(&s->q, log_queues[i], to_id, O_RDONLY, to);
        bool exchanged;

        // After an exchange of messages either may have a log, or both, or none.
        if (other < 0)
            queue_path(&s->q, to, log_queues[i], to_id);
        if (fd < 0)
            queue_path(&s->q, from, log_queues[i], from_id);
        if ((fd >= 0 && !rename_or_exchange(from, to, &exchanged)) ||
            (fd < 0 && other >= 0 && !rename_or_exchange(to, from, &exchanged)))
            s->warn("rename %s to %s: %m", from, to);
        if (fd >= 0)
            close(fd);
        if (other >= 0)
            close(other);
    }
}

// The same name with the inode that the file has now.
static void corrected_id(char id[QUEUE_ID_SIZE], const char *name, uint64_t inode)
{
    const char *separator = strrchr(name, 'z');

    if (queue_id_is_long(name)) {
        char whole[QUEUE_ID_SIZE];

        queue_id_format(whole, (struct moment){0, 0}, inode, true);
        snprintf(id, QUEUE_ID_SIZE, "%.*s%s", (int)(separator - name), name,
                 strrchr(whole, 'z'));
    } else {
        snprintf(id, QUEUE_ID_SIZE, "%.5s%llX", name, (unsigned long long)inode);
    }
}

// Puts the file where its name (corrected when it is a message) says. True when another
// file took its old place, which is then to be looked at.
static bool repair_file(struct super *s, const char *queue, bool is_log, bool also_long_ids,
                        const char *path, const char *name)
{
    char id[QUEUE_ID_SIZE], to[QUEUE_PATH_SIZE];
    struct stat st;
    uint64_t inode;
    bool exchanged;

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    bool has_inode =
        queue_id_inode(name, &inode) && (also_long_ids || !queue_id_is_long(name));
    bool wrong = !is_log && has_inode && inode != st.st_ino;

    snprintf(id, sizeof(id), "%s", name);
    if (wrong)
        corrected_id(id, name, st.st_ino);
    queue_path(&s->q, to, queue, id);
    if (strcmp(path, to) == 0)
        return false;
    if (!rename_or_exchange(path, to, &exchanged)) {
        s->warn("rename %s to %s: %m", path, to);
        return false;
    }
    if (wrong) {
        rename_logs(s, name, id);
        s->renamed++;
    }
    if (s->verbose)
        s->say("%s renamed to %s", path, to);
    return exchanged;
}

static void repair_queue(struct super *s, const char *queue, bool is_log,
                         bool also_long_ids)
{
    struct queue_scan *scan = queue_scan_open(&s->q, queue);
    char name[64], path[QUEUE_PATH_SIZE];
    bool is_id;

    while (queue_scan_next(scan, name, path, &is_id)) {
        if (!is_id) {
            if (!is_temporary_name(name))
                s->warn("bogus file name: %s", path);
            continue;
        }
        // Chains of wrong names end: each exchange puts one file right.
        while (repair_file(s, queue, is_log, also_long_ids, path, name))
            ;
    }
    queue_scan_close(scan);
}

void super_repair(struct super *s, bool also_long_ids)
{
    for (size_t i = 0; i < COUNT(message_queues); i++)
        if (super_has_selected(s, message_queues[i]))
            repair_queue(s, message_queues[i], false, also_long_ids);
    for (size_t i = 0; i < COUNT(log_queues); i++)
        if (super_has_selected(s, log_queues[i]))
            repair_queue(s, log_queues[i], true, also_long_ids);
}
