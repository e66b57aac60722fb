// mbox: appending a message to a UNIX mailbox file, all or nothing, under its locks.
#pragma once
#include "mail/mail_copy.h"
#include "mail/mailbox_lock.h"
#include <sys/types.h>

// Where and as whom; shared with maildir.
struct mail_file {
    const char *path;
    uid_t uid; // the writer; files made here belong to it
    gid_t gid;
    // For root's own mailbox: who writes the message once root has opened the file; 0:
    // `uid`.
    uid_t writer_uid;
    gid_t writer_gid;
    int64_t limit;         // largest size of the file, 0: none
    bool strict_ownership; // refuse a mailbox that belongs to somebody else
    // The folder belongs to the system (/var/mail): the lock and the empty mailbox are made
    // with the folder's group by root and given to the writer; the message is written by
    // the writer.
    bool system_spool;
    bool require_dot_lock; // else a FILE.lock that cannot be made is only warned about
    const struct mailbox_lock_policy *lock;
    // The message.
    int queue_fd;
    int64_t data_offset;
    struct mail_format format;
};

// Appends; on any failure a regular file has the length it had before. Errors: permanent
// with 5.2.2 when a size limit or quota stopped it, 5.2.0 when the file itself is unfit;
// temporary with 4.2.0 (or the queue file's own trouble) when later may be better. The text
// has no path in front, as callers word that differently.
MUST_CHECK bool mbox_deliver(struct arena *arena, const struct mail_file *file,
                             struct error *err);

// The sink for a file of limited size.
struct limited_file {
    int fd;
    int64_t room; // bytes that may still be written; below 0: any
};
bool limited_file_write(void *ctx, const char *data, size_t len);

// Copies the message to `out` as the writer of the file. Errors as above.
MUST_CHECK bool mail_file_write(struct arena *arena, const struct mail_file *file,
                                struct limited_file *out, struct error *err);

// Fills err for a failed system call on a mailbox from errno, as above.
bool mail_file_error(struct error *err, const char *what);
