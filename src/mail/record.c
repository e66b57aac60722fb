// record: the records of a queue file: type byte, length in base 128, payload.
#include "mail/record.h"
#include "util/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_MAX 6 // type and a length of up to five groups
#define WINDOW 16384u

// ---- writing
// -----------------------------------------------------------------------------

static size_t put_header(char header[HEADER_MAX], int type, size_t len)
{
    size_t n = 0;

    header[n++] = (char)type;
    while (len >= 0x80) {
        header[n++] = (char)(len | 0x80);
        len >>= 7;
    }
    header[n++] = (char)len;
    return n;
}

bool record_put(struct buf *out, int type, struct str payload)
{
    char header[HEADER_MAX];
    size_t header_len = put_header(header, type, payload.len);

    if (payload.len > RECORD_MAX)
        return false;
    char *to = buf_room(out, header_len + payload.len);

    if (to == NULL)
        return false;
    memcpy(to, header, header_len);
    if (payload.len > 0)
        memcpy(to + header_len, payload.ptr, payload.len);
    buf_added(out, header_len + payload.len);
    return true;
}

bool record_printf(struct buf *out, int type, const char *fmt, ...)
{
    va_list args;
    char small[512];

    va_start(args, fmt);
    int len = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (len < 0)
        return false;
    if ((size_t)len < sizeof(small))
        return record_put(out, type, str_n(small, (size_t)len));

    char *text = mem_alloc((size_t)len + 1);

    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    bool fits = record_put(out, type, str_n(text, (size_t)len));
    free(text);
    return fits;
}

// ---- reading
// -----------------------------------------------------------------------------

struct record_reader {
    int fd;
    struct arena *arena;
    bool follow, show;
    char *window;       // bytes of the file from `window_at` on
    size_t window_size; // room
    size_t window_len;  // filled
    int64_t window_at;  // file offset of window[0]
    int64_t pos;        // file offset of the next record
    int64_t passed;     // bytes of records since the last seek
    int64_t file_size;  // 0: not asked so far
    bool has_end;       // the window reaches to the end of the file
};

static void free_window(void *arg)
{
    struct record_reader *r = arg;

    free(r->window);
    r->window = NULL;
}

struct record_reader *record_reader_open(int fd, struct arena *arena)
{
    struct record_reader *r = ARENA_NEW(arena, struct record_reader);

    r->fd = fd;
    r->arena = arena;
    r->follow = true;
    arena_on_reset(arena, free_window, r);
    return r;
}

void record_reader_follow(struct record_reader *r, bool follow_pointers)
{
    r->follow = follow_pointers;
}

void record_reader_show_pointers(struct record_reader *r, bool show)
{
    r->show = show;
}

void record_reader_seek(struct record_reader *r, int64_t offset)
{
    r->pos = offset;
    r->passed = 0;
}

void record_reader_jump(struct record_reader *r, int64_t offset)
{
    r->pos = offset;
}

// Makes `len` bytes from r->pos on available (fewer at the end of the file). The count, or
// -1 with errno.
static ssize_t fill(struct record_reader *r, size_t len)
{
    int64_t skip = r->pos - r->window_at;

    if (skip >= 0 && skip <= (int64_t)r->window_len &&
        (r->has_end || r->window_len - (size_t)skip >= len))
        return (ssize_t)(r->window_len - (size_t)skip);

    size_t kept = 0;

    if (skip >= 0 && skip < (int64_t)r->window_len) {
        kept = r->window_len - (size_t)skip;
        memmove(r->window, r->window + skip, kept);
    }
    size_t want = len > WINDOW ? len : WINDOW;

    if (want > r->window_size) {
        r->window = mem_realloc(r->window, want);
        r->window_size = want;
    }
    r->window_at = r->pos;
    r->window_len = kept;
    r->has_end = false;

    ssize_t got = fd_pread_full(r->fd, r->window + kept, r->window_size - kept,
                                r->pos + (int64_t)kept);

    if (got < 0)
        return -1;
    r->window_len += (size_t)got;
    r->has_end = r->window_len < r->window_size;
    if (r->has_end)
        r->file_size = r->window_at + (int64_t)r->window_len;
    return (ssize_t)r->window_len;
}

static const char *at_pos(const struct record_reader *r)
{
    return r->window + (r->pos - r->window_at);
}

static enum record_result broken(struct record_reader *r, struct error *err,
                                 const char *what)
{
    error_perm(err, "5.3.0", "%s at offset %lld", what, (long long)r->pos);
    return RECORD_BROKEN;
}

static enum record_result read_failed(struct error *err)
{
    error_temp(err, "4.3.0", "read queue file: %m");
    return RECORD_BROKEN;
}

// The length behind the type byte; the number of bytes that it takes, 0 when malformed.
static size_t get_length(const char *data, size_t avail, size_t *len)
{
    size_t value = 0;

    for (size_t i = 1; i < avail && i < HEADER_MAX; i++) {
        unsigned char byte = (unsigned char)data[i];

        value |= (size_t)(byte & 0x7f) << (7 * (i - 1));
        if (byte < 0x80) {
            *len = value;
            return i + 1;
        }
    }
    return 0;
}

// The record at r->pos, without following.
static enum record_result read_one(struct record_reader *r, struct record *rec,
                                   struct error *err)
{
    ssize_t avail = fill(r, HEADER_MAX);
    size_t len;

    if (avail < 0)
        return read_failed(err);
    if (avail == 0)
        return RECORD_END_OF_FILE;
    size_t header = get_length(at_pos(r), (size_t)avail, &len);

    if (header == 0)
        return broken(r, err, "malformed record length");
    if (len > RECORD_MAX)
        return broken(r, err, "record too long");
    if (header + len > (size_t)avail) {
        avail = fill(r, header + len);
        if (avail < 0)
            return read_failed(err);
        if ((size_t)avail < header + len)
            return broken(r, err, "record cut short");
    }
    rec->type = (unsigned char)at_pos(r)[0];
    rec->payload = str_n(at_pos(r) + header, len);
    rec->offset = r->pos;
    r->pos += (int64_t)(header + len);
    r->passed += (int64_t)(header + len);
    return RECORD_OK;
}

// No byte belongs to the message twice: who reads more than the whole file runs in circles.
static bool is_looping(struct record_reader *r)
{
    struct stat st;

    if (r->passed <= r->file_size)
        return false;
    if (fstat(r->fd, &st) < 0)
        return true;
    r->file_size = st.st_size;
    return r->passed > r->file_size;
}

enum record_result record_next(struct record_reader *r, struct record *rec,
                               struct error *err)
{
    for (;;) {
        enum record_result result = read_one(r, rec, err);
        long target;

        if (result != RECORD_OK)
            return result;
        if (is_looping(r))
            return broken(r, err, "records in a circle");
        if (!r->follow || rec->type != REC_POINTER)
            return RECORD_OK;
        if (!str_to_long(str_trim(rec->payload), &target) || target < 0)
            return broken(r, err, "malformed pointer");
        if (target > 0) // else only a place where one can be put later
            r->pos = target;
        if (r->show)
            return RECORD_OK;
    }
}
