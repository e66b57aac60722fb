// master_lock: the two files that say which master runs, and keep a second one away.
#pragma once
#include "util/error.h"

// Opens (or makes) the file and locks it for as long as this process lives, however it
// ends. The descriptor, or -1: somebody else has it, or the file cannot be opened.
int master_lock_take(const char *path, struct error *err);
// Writes this process's number as Postfix does (32 columns). Also after a fork.
MUST_CHECK bool master_lock_write(int fd, const char *path, struct error *err);
// True when a living process holds the lock.
bool master_lock_is_held(const char *path);
