// queue_dir: the folders of the queue: paths with hashing, creating, moving, removing, scanning.
#pragma once
#include "config/mail_config.h"
#include "util/arena.h"
#include "util/error.h"

// How this instance lays out its queue. All paths are relative to queue_directory, which is
// the current folder of every daemon and command that touches the queue (as with Postfix).
struct queue_dir {
    const char *hash_queue_names; // list
    int hash_queue_depth;
    bool long_ids;
};

void queue_dir_init(struct queue_dir *q, const struct mail_config *cfg);

#define QUEUE_PATH_SIZE 192
// "deferred/5/5CCCFAB64E1". `id` has been checked by queue_id_is_valid.
void queue_path(const struct queue_dir *q, char path[QUEUE_PATH_SIZE], const char *queue,
                const char *id);
// Opens at the hashed place, else at depth 0 or the other depth (another program wrote it).
// On success `path` (may be NULL) is where it is. -1 with errno.
int queue_open(const struct queue_dir *q, const char *queue, const char *id, int flags,
               char path[QUEUE_PATH_SIZE]);
// rename(2) into another queue; makes the hash folder when missing. errno on failure.
MUST_CHECK bool queue_move(const struct queue_dir *q, const char *from, const char *to,
                           const char *id);
MUST_CHECK bool queue_remove(const struct queue_dir *q, const char *queue, const char *id);
// Creates `queue`/<temporary>, mode 0600, and renames it to its final name (the id needs the
// inode). The descriptor is open for reading and writing. The open file is locked, so that
// qmgr can tell an unfinished file from one whose writer has died: close it before telling.
int queue_create(const struct queue_dir *q, const char *queue, struct moment created,
                 char id[64], struct error *err);

// Streams over one queue with flat memory, whatever the depth of each file.
struct queue_scan;
struct queue_scan *queue_scan_open(const struct queue_dir *q, const char *queue);
// Next file name; false at the end. `path` is relative to queue_directory. Names that are no
// queue IDs are returned as well, with *is_id false.
bool queue_scan_next(struct queue_scan *scan, char name[64], char path[QUEUE_PATH_SIZE],
                     bool *is_id);
// A folder could not be opened for want of descriptors or memory: files may have been missed.
bool queue_scan_is_partial(const struct queue_scan *scan);
void queue_scan_close(struct queue_scan *scan);
