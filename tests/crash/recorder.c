// recorder: LD_PRELOAD library that notes each durable file operation of every process, in
// order, in one shared file (CRASH_LOG). tests/crash/states.py reads it.
//
// The order is exact: a lock in the shared file is held over the operation and its note.
// Only fsync runs outside of it, between a note of its begin and one of its end.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct journal {
    _Atomic uint64_t used; // bytes of the file, this head included
    _Atomic uint32_t locked;
    uint32_t unused;
    uint64_t size;
    uint64_t overflow;
};

// As states.py unpacks it: "<IIQqIIc7x".
struct note {
    uint32_t len, pid;
    uint64_t inode;
    int64_t number; // offset, length or mode
    uint32_t first_len, second_len;
    char what, padding[7];
};

static struct journal *journal;

#define REAL(name) ((__typeof__(&name))real(#name))

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void open_journal(void)
{
    const char *path = getenv("CRASH_LOG");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0) {
        void *map =
            mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        journal = map == MAP_FAILED ? NULL : map;
        if (journal != NULL && journal->size == 0)
            journal->size = (uint64_t)st.st_size;
    }
    close(fd);
}

static void lock(void)
{
    uint32_t free_value = 0;

    while (journal != NULL &&
           !atomic_compare_exchange_weak(&journal->locked, &free_value, 1)) {
        free_value = 0;
        sched_yield();
    }
}

static void unlock(void)
{
    if (journal != NULL)
        atomic_store(&journal->locked, 0);
}

// With the lock held.
static void note(char what, uint64_t inode, int64_t number, const void *first,
                 size_t first_len, const void *second, size_t second_len)
{
    if (journal == NULL)
        return;
    uint64_t used = journal->used == 0 ? sizeof(*journal) : journal->used;
    size_t len = (sizeof(struct note) + first_len + second_len + 7) & ~(size_t)7;

    if (used + len > journal->size) {
        journal->overflow = 1;
        return;
    }
    struct note *n = (struct note *)((char *)journal + used);

    *n = (struct note){.len = (uint32_t)len,
                       .pid = (uint32_t)getpid(),
                       .inode = inode,
                       .number = number,
                       .first_len = (uint32_t)first_len,
                       .second_len = (uint32_t)second_len,
                       .what = what};
    memcpy(n + 1, first, first_len);
    memcpy((char *)(n + 1) + first_len, second, second_len);
    atomic_store(&journal->used, used + len);
}

static void note_path(char what, uint64_t inode, int64_t number, const char *path,
                      const char *to)
{
    note(what, inode, number, path, strlen(path), to, strlen(to));
}

// Also called by the test itself: "accepted", "taken".
void crash_note(const char *text);
void crash_note(const char *text)
{
    int saved = errno;

    lock();
    note_path('N', 0, 0, text, "");
    unlock();
    errno = saved;
}

static uint64_t file_of(int fd, bool *is_regular)
{
    int saved = errno;
    struct stat st = {.st_mode = 0};

    *is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    errno = saved;
    return st.st_ino;
}

static uint64_t inode_at(const char *path)
{
    int saved = errno;
    struct stat st = {.st_ino = 0};

    (void)!lstat(path, &st);
    errno = saved;
    return st.st_ino;
}

// ---- data
// ----------------------------------------------------------------------------------

// smtpd has told a client that the message is its own from now on.
static void note_answer(const void *data, size_t len)
{
    if (memmem(data, len, "queued as ", 10) != NULL && memcmp(data, "250 ", 4) == 0) {
        lock();
        note('A', 0, 0, data, len, "", 0);
        unlock();
    }
}

ssize_t write(int fd, const void *data, size_t len)
{
    bool is_regular;
    uint64_t inode = file_of(fd, &is_regular);

    if (!is_regular) {
        if (len > 20 && len < 4096)
            note_answer(data, len);
        return REAL(write)(fd, data, len);
    }
    lock();
    off_t offset = fcntl(fd, F_GETFL) & O_APPEND ? -1 : lseek(fd, 0, SEEK_CUR);
    ssize_t n = REAL(write)(fd, data, len);

    if (n > 0)
        note('W', inode, offset, data, (size_t)n, "", 0);
    unlock();
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    bool is_regular;
    uint64_t inode = file_of(fd, &is_regular);

    lock();
    ssize_t n = REAL(pwrite)(fd, data, len, offset);

    if (n > 0)
        note('W', inode, offset, data, (size_t)n, "", 0);
    unlock();
    return n;
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    if (len > 20 && len < 4096)
        note_answer(data, len);
    return REAL(send)(fd, data, len, flags);
}

int ftruncate(int fd, off_t len)
{
    bool is_regular;
    uint64_t inode = file_of(fd, &is_regular);

    lock();
    int result = REAL(ftruncate)(fd, len);

    if (result == 0)
        note('T', inode, len, "", 0, "", 0);
    unlock();
    return result;
}

static int sync_file(int (*sync_call)(int), int fd)
{
    bool is_regular;
    uint64_t inode = file_of(fd, &is_regular);

    lock();
    note('S', inode, fd, "", 0, "", 0);
    unlock();
    int result = sync_call(fd);

    lock();
    note(result == 0 ? 's' : 'x', inode, fd, "", 0, "", 0);
    unlock();
    return result;
}

int fsync(int fd)
{
    return sync_file(REAL(fsync), fd);
}

int fdatasync(int fd)
{
    return sync_file(REAL(fdatasync), fd);
}

// ---- names
// ---------------------------------------------------------------------------------

int open(const char *path, int flags, ...)
{
    va_list args;
    bool is_regular;

    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!(flags & (O_CREAT | O_TRUNC)))
        return REAL(open)(path, flags, mode);
    lock();
    int fd = REAL(open)(path, flags, mode);
    uint64_t inode = fd < 0 ? 0 : file_of(fd, &is_regular);

    if (fd >= 0 && is_regular)
        note_path(flags & O_TRUNC ? 'Z' : 'C', inode, mode, path, "");
    unlock();
    return fd;
}

static void note_rename(int result, const char *from, const char *to)
{
    if (result == 0)
        note_path('R', inode_at(to), 0, from, to);
}

int rename(const char *from, const char *to)
{
    lock();
    int result = REAL(rename)(from, to);

    note_rename(result, from, to);
    unlock();
    return result;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    lock();
    int result = REAL(renameat2)(from_dir, from, to_dir, to, flags);

    note_rename(result, from, to);
    unlock();
    return result;
}

int link(const char *from, const char *to)
{
    lock();
    int result = REAL(link)(from, to);

    if (result == 0)
        note_path('L', inode_at(to), 0, from, to);
    unlock();
    return result;
}

int unlink(const char *path)
{
    lock();
    uint64_t inode = inode_at(path);
    int result = REAL(unlink)(path);

    if (result == 0)
        note_path('U', inode, 0, path, "");
    unlock();
    return result;
}

int fchmod(int fd, mode_t mode)
{
    bool is_regular;
    uint64_t inode = file_of(fd, &is_regular);

    lock();
    int result = REAL(fchmod)(fd, mode);

    if (result == 0)
        note('M', inode, mode, "", 0, "", 0);
    unlock();
    return result;
}
