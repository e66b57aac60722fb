// file: opening, reading whole, locking, and replacing files.
#pragma once
#include "util/arena.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/str.h"

// The whole file, at most `max` bytes (more is an error).
MUST_CHECK bool file_read_all(struct arena *arena, const char *path, size_t max,
                              struct str *data, struct error *err);
// All of it, across EINTR and short counts; false with errno.
MUST_CHECK bool fd_write_all(int fd, const void *data, size_t len);
MUST_CHECK bool fd_pwrite_all(int fd, const void *data, size_t len, int64_t offset);
// Reads until `len` or end of file; the count, or -1 with errno.
ssize_t fd_read_full(int fd, void *data, size_t len);
ssize_t fd_pread_full(int fd, void *data, size_t len, int64_t offset);
// fsync of the folder that `path` is in.
MUST_CHECK bool file_sync_dir(const char *path, struct error *err);

enum file_lock { FILE_LOCK_SHARED, FILE_LOCK_EXCLUSIVE, FILE_LOCK_NONE };
// fcntl lock on the whole file. Without `wait` false and errno EAGAIN when somebody else
// has it.
MUST_CHECK bool fd_lock(int fd, enum file_lock lock, bool wait);

// The same, but the lock belongs to the open file: it lasts until the last descriptor of it is
// closed, in whatever process. Never waits.
MUST_CHECK bool fd_lock_file(int fd);

MUST_CHECK bool fd_set_nonblocking(int fd, bool on);

// Writes `data` under a temporary name, gives it the owner and mode of the file it replaces
// (or `mode`), syncs, and renames: readers see the old or the new file, never a part.
MUST_CHECK bool file_replace(const char *path, struct str data, unsigned mode,
                             struct error *err);

// Logical lines of a configuration text: leading white space continues the line before,
// lines that are empty or start with '#' are skipped (also between continued lines). The
// continuation keeps its white space; line ends are dropped. `*line_number` is where the
// logical line starts.
struct logical_lines {
    struct str rest;
    int line_number;
    bool skipped_continuation; // set when text started with white space before any line
};
bool logical_line_next(struct arena *arena, struct logical_lines *lines, struct str *line,
                       int *line_number);
