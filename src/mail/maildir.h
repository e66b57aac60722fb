// maildir: writing a message as a new file of a Maildir.
#pragma once
#include "mail/mbox.h"

// Writes below file->path (which ends in '/'), making the Maildir when missing: first in
// tmp/, synced, then moved to new/ under a name nobody else has. file->limit is for the one
// message. Errors as for mbox_deliver.
MUST_CHECK bool maildir_deliver(struct arena *arena, const struct mail_file *file,
                                struct error *err);

// Host name as it may stand in a file name: '/' and ':' become \057 and \072.
const char *maildir_host(struct arena *arena, const char *host);
// "SECONDS.VdevIinodeMmicroseconds.HOST", numbers of dev and inode in hex.
const char *maildir_name(struct arena *arena, struct moment when, uint64_t dev,
                         uint64_t inode, const char *host);
