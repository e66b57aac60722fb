// queue_id: names of messages: short (microseconds and inode in hex) and long (never reused).
#pragma once
#include "util/clock.h"
#include "util/str.h"

#define QUEUE_ID_SIZE 64

// The name for a file with `inode`, first made at `created`.
void queue_id_format(char id[QUEUE_ID_SIZE], struct moment created, uint64_t inode, bool is_long);
// Only what a queue file may be called: letters and digits, bounded length. Safe in paths.
bool queue_id_is_valid(struct str id);
// The inode that the name carries; false when it cannot be read from it.
bool queue_id_inode(const char *id, uint64_t *inode);
bool queue_id_is_long(const char *id);
// Five hex digits of a long ID's microseconds, by which it is sorted into folders.
bool queue_id_usec_hex(const char *id, char hex[6]);
