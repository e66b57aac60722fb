// queue_dir: the folders of the queue: paths with hashing, creating, moving, removing,
// scanning.
#include "mail/queue_dir.h"
#include "mail/queue_id.h"
#include "util/file.h"
#include "util/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Deeper folders are not looked for, whatever hash_queue_depth says.
#define DEPTH_MAX 16
// Other depths at which a file may lie that another configuration or program wrote.
#define USUAL_DEPTH_MAX 2

void queue_dir_init(struct queue_dir *q, const struct mail_config *cfg)
{
    q->hash_queue_names = cfg->hash_queue_names;
    q->hash_queue_depth =
        cfg->hash_queue_depth > DEPTH_MAX ? DEPTH_MAX : (int)cfg->hash_queue_depth;
    q->long_ids = cfg->enable_long_queue_ids;
}

// ---- paths
// -------------------------------------------------------------------------------

static int depth_of(const struct queue_dir *q, const char *queue)
{
    struct str rest = str_c(q->hash_queue_names), name;

    while (text_take_element(&rest, &name) && name.ptr != NULL)
        if (str_is(name, queue))
            return q->hash_queue_depth;
    return 0;
}

static void path_at_depth(char path[QUEUE_PATH_SIZE], const char *queue, const char *id,
                          int depth)
{
    char hex[6];
    const char *letters = queue_id_usec_hex(id, hex) ? hex : id;
    size_t letters_len = strlen(letters);
    int len = snprintf(path, QUEUE_PATH_SIZE, "%s/", queue);

    for (int i = 0; i < depth; i++) {
        path[len++] = (size_t)i < letters_len ? letters[i] : '_';
        path[len++] = '/';
    }
    snprintf(path + len, (size_t)(QUEUE_PATH_SIZE - len), "%s", id);
}

void queue_path(const struct queue_dir *q, char path[QUEUE_PATH_SIZE], const char *queue,
                const char *id)
{
    path_at_depth(path, queue, id, depth_of(q, queue));
}

// Makes the folders that `path` needs below its queue's. False with errno.
static bool make_parents(const char *path)
{
    char part[QUEUE_PATH_SIZE];
    const char *slash = strchr(path, '/');

    while (slash != NULL && (slash = strchr(slash + 1, '/')) != NULL) {
        snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return false;
    }
    return true;
}

// Places to look for a file, the likeliest first.
static size_t candidates(const struct queue_dir *q, const char *queue,
                         int depths[USUAL_DEPTH_MAX + 2])
{
    size_t len = 0;

    depths[len++] = depth_of(q, queue);
    for (int depth = 0; depth <= USUAL_DEPTH_MAX; depth++)
        if (depth != depths[0])
            depths[len++] = depth;
    return len;
}

int queue_open(const struct queue_dir *q, const char *queue, const char *id, int flags,
               char path[QUEUE_PATH_SIZE])
{
    int depths[USUAL_DEPTH_MAX + 2];
    size_t len = candidates(q, queue, depths);
    char own_path[QUEUE_PATH_SIZE];

    if (path == NULL)
        path = own_path;
    for (size_t i = 0; i < len; i++) {
        path_at_depth(path, queue, id, depths[i]);
        int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd >= 0 || errno != ENOENT)
            return fd;
        if (i == 0 && (flags & O_CREAT)) {
            // Only its hash folder can be missing.
            return make_parents(path) ? open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600)
                                      : -1;
        }
    }
    errno = ENOENT;
    return -1;
}

static bool rename_making_parents(const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return true;
    // Either `from` is not there or the folder of `to` is missing.
    return errno == ENOENT && access(from, F_OK) == 0 && make_parents(to) &&
           rename(from, to) == 0;
}

bool queue_move(const struct queue_dir *q, const char *from, const char *to, const char *id)
{
    int depths[USUAL_DEPTH_MAX + 2];
    size_t len = candidates(q, from, depths);
    char from_path[QUEUE_PATH_SIZE], to_path[QUEUE_PATH_SIZE];

    queue_path(q, to_path, to, id);
    for (size_t i = 0; i < len; i++) {
        path_at_depth(from_path, from, id, depths[i]);
        if (rename_making_parents(from_path, to_path))
            return true;
        if (errno != ENOENT)
            return false;
    }
    errno = ENOENT;
    return false;
}

bool queue_remove(const struct queue_dir *q, const char *queue, const char *id)
{
    int depths[USUAL_DEPTH_MAX + 2];
    size_t len = candidates(q, queue, depths);
    char path[QUEUE_PATH_SIZE];

    for (size_t i = 0; i < len; i++) {
        path_at_depth(path, queue, id, depths[i]);
        if (unlink(path) == 0)
            return true;
        if (errno != ENOENT)
            return false;
    }
    errno = ENOENT;
    return false;
}

// ---- creating
// ----------------------------------------------------------------------------

// Never over an existing file: a name that is taken (restored from a backup, say) belongs
// to somebody else's message.
static bool rename_to_free_name(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EINVAL || errno == ENOSYS) // the file system does not know the flag
        return access(to, F_OK) < 0 && rename(from, to) == 0;
    return false;
}

// Gives the new file at `temp` the name that carries its inode.
static bool give_final_name(const struct queue_dir *q, const char *queue, const char *temp,
                            struct moment created, uint64_t inode, char id[64])
{
    for (int attempt = 0; attempt < 100; attempt++) {
        char path[QUEUE_PATH_SIZE];

        queue_id_format(id, created, inode, q->long_ids);
        queue_path(q, path, queue, id);
        if (rename_to_free_name(temp, path))
            return true;
        if (errno == ENOENT && attempt == 0) {
            if (!make_parents(path))
                return false;
        } else if (errno == EEXIST) {
            created.usec = (created.usec + 1) % 1000000;
        } else {
            return false;
        }
    }
    return false;
}

// The temporary file lies in the folder of its final name: a rename within one folder costs
// less, and writers do not queue up for the one folder above.
static void temporary_path(const struct queue_dir *q, char temp[QUEUE_PATH_SIZE],
                           const char *queue, struct moment created, int attempt)
{
    char id[64];

    queue_id_format(id, created, 0, q->long_ids);
    queue_path(q, temp, queue, id);
    size_t folder_len = (size_t)(strrchr(temp, '/') + 1 - temp);
    snprintf(temp + folder_len, QUEUE_PATH_SIZE - folder_len, "%d.%d",
             (int)created.usec + attempt, (int)getpid());
}

static int open_new(const char *path)
{
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = open(path, flags, 0600);

    return fd < 0 && errno == ENOENT && make_parents(path) ? open(path, flags, 0600) : fd;
}

int queue_create(const struct queue_dir *q, const char *queue, struct moment created,
                 char id[64], struct error *err)
{
    char temp[QUEUE_PATH_SIZE];
    struct stat st;
    int fd = -1;

    for (int attempt = 0; fd < 0 && attempt < 100; attempt++) {
        temporary_path(q, temp, queue, created, attempt);
        fd = open_new(temp);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0) {
        error_temp(err, "4.3.0", "create file %s: %m", temp);
        return -1;
    }
    // The lock tells a file that is being written from one whose writer has died. It is
    // there before the name is one that others look at.
    if (fd_lock_file(fd) && fstat(fd, &st) == 0 &&
        give_final_name(q, queue, temp, created, st.st_ino, id))
        return fd;
    error_temp(err, "4.3.0", "rename %s in queue %s: %m", temp, queue);
    unlink(temp);
    close(fd);
    return -1;
}

// ---- scanning
// ----------------------------------------------------------------------------

struct queue_scan {
    DIR *dirs[DEPTH_MAX + 1];
    size_t path_lens[DEPTH_MAX + 1]; // length of `path` up to each open folder
    int open;                        // how many are open
    bool is_partial;
    char path[QUEUE_PATH_SIZE];
};

static void enter(struct queue_scan *scan, size_t path_len)
{
    int fd = open(scan->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        // Else gone, or not ours to read: nothing to find there.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            scan->is_partial = true;
        if (fd >= 0)
            close(fd);
        return;
    }
    scan->dirs[scan->open] = dir;
    scan->path_lens[scan->open] = path_len;
    scan->open++;
}

struct queue_scan *queue_scan_open(const struct queue_dir *q, const char *queue)
{
    struct queue_scan *scan = mem_alloc(sizeof(*scan));

    (void)q; // files are found at whatever depth they lie
    snprintf(scan->path, sizeof(scan->path), "%s", queue);
    enter(scan, strlen(scan->path));
    return scan;
}

static bool is_hash_folder(const struct queue_scan *scan, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_name[1] != 0 || scan->open > DEPTH_MAX)
        return false;
    if (!ascii_is_alnum(entry->d_name[0]) && entry->d_name[0] != '_')
        return false;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(scan->dirs[scan->open - 1]), entry->d_name, &st,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

bool queue_scan_next(struct queue_scan *scan, char name[64], char path[QUEUE_PATH_SIZE],
                     bool *is_id)
{
    while (scan->open > 0) {
        size_t folder_len = scan->path_lens[scan->open - 1];
        struct dirent *entry = readdir(scan->dirs[scan->open - 1]);

        if (entry == NULL) {
            closedir(scan->dirs[--scan->open]);
            continue;
        }
        size_t len = strlen(entry->d_name);

        if (entry->d_name[0] == '.' || folder_len + len + 2 > QUEUE_PATH_SIZE)
            continue;
        scan->path[folder_len] = '/';
        memcpy(scan->path + folder_len + 1, entry->d_name, len + 1);
        if (is_hash_folder(scan, entry)) {
            enter(scan, folder_len + 1 + len);
            continue;
        }
        snprintf(name, 64, "%.63s", entry->d_name);
        memcpy(path, scan->path, sizeof(scan->path));
        *is_id = queue_id_is_valid(str_c(entry->d_name));
        return true;
    }
    return false;
}

bool queue_scan_is_partial(const struct queue_scan *scan)
{
    return scan->is_partial;
}

void queue_scan_close(struct queue_scan *scan)
{
    while (scan->open > 0)
        closedir(scan->dirs[--scan->open]);
    free(scan);
}
