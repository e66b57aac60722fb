// stream: buffered reading and writing on one descriptor with deadlines, for straight-line
// programs. Reads and writes are tried first; only EAGAIN waits.
#include "util/stream.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, WRITE_SIZE = 65536, FIRST_SIZE = 4096 };

struct span {
    char *data;
    size_t start, end, size; // contents are data[start .. end)
};

struct stream {
    int fd;
    struct span in, out;
    const struct stream_io *io;
    void *io_ctx;
    int timeout;      // seconds, 0: none
    int64_t deadline; // clock_ms, 0: none
};

static ssize_t plain_read(void *ctx, int fd, void *data, size_t len, short *wait_events)
{
    (void)ctx;
    *wait_events = POLLIN;
    return read(fd, data, len);
}

static ssize_t plain_write(void *ctx, int fd, const void *data, size_t len,
                           short *wait_events)
{
    (void)ctx;
    *wait_events = POLLOUT;
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    return n < 0 && errno == ENOTSOCK ? write(fd, data, len) : n;
}

static const struct stream_io plain_io = {plain_read, plain_write};

struct stream *stream_open(int fd)
{
    struct stream *s = mem_alloc(sizeof(*s));

    s->fd = fd;
    s->io = &plain_io;
    if (!fd_set_nonblocking(fd, true))
        log_warn("descriptor %d: cannot set non-blocking mode: %m", fd);
    return s;
}

void stream_close(struct stream *s)
{
    if (s == NULL)
        return;
    close(s->fd);
    free(s->in.data);
    free(s->out.data);
    free(s);
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}

void stream_set_io(struct stream *s, const struct stream_io *io, void *ctx)
{
    s->io = io == NULL ? &plain_io : io;
    s->io_ctx = ctx;
}

void stream_set_timeout(struct stream *s, int seconds)
{
    s->timeout = seconds;
}

void stream_set_deadline(struct stream *s, int64_t clock_ms_end)
{
    s->deadline = clock_ms_end;
}

// When the operation that begins now has to be over; 0: never.
static int64_t operation_end(const struct stream *s)
{
    int64_t end = s->timeout > 0 ? clock_ms() + (int64_t)s->timeout * 1000 : 0;

    return s->deadline != 0 && (end == 0 || s->deadline < end) ? s->deadline : end;
}

static enum stream_result wait_for(const struct stream *s, short events, int64_t end)
{
    for (;;) {
        struct pollfd pfd = {.fd = s->fd, .events = events};
        int64_t left = end == 0 ? -1 : end - clock_ms();

        if (end != 0 && left <= 0)
            return STREAM_TIMEOUT;
        int n = poll(&pfd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (n > 0)
            return STREAM_OK;
        if (n < 0 && errno != EINTR)
            return STREAM_FAILED;
    }
}

// Makes room for at least `len` more bytes behind the contents.
static void make_room(struct span *b, size_t len)
{
    if (b->start == b->end)
        b->start = b->end = 0;
    if (b->size - b->end >= len)
        return;
    if (b->start > 0) {
        memmove(b->data, b->data + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    if (b->size - b->end < len) {
        b->size = b->end + len;
        b->data = mem_realloc(b->data, b->size);
    }
}

enum stream_result stream_flush(struct stream *s)
{
    int64_t end = 0;
    struct span *b = &s->out;

    while (b->start < b->end) {
        short events = POLLOUT;
        ssize_t n =
            s->io->write(s->io_ctx, s->fd, b->data + b->start, b->end - b->start, &events);
        if (n > 0) {
            b->start += (size_t)n;
            continue;
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return STREAM_FAILED;
        if (end == 0)
            end = operation_end(s);
        enum stream_result r = wait_for(s, events, end);
        if (r != STREAM_OK)
            return r;
    }
    return STREAM_OK;
}

// Reads something more into the buffer, flushing unsent output before it would wait.
static enum stream_result fill(struct stream *s, int64_t *end)
{
    struct span *b = &s->in;

    // Idle sessions stay small: the buffer grows once a peer has filled the first size.
    make_room(b, b->end - b->start >= FIRST_SIZE ? READ_SIZE : FIRST_SIZE);
    for (;;) {
        short events = POLLIN;
        ssize_t n =
            s->io->read(s->io_ctx, s->fd, b->data + b->end, b->size - b->end, &events);
        if (n > 0) {
            b->end += (size_t)n;
            return STREAM_OK;
        }
        if (n == 0)
            return STREAM_EOF;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return STREAM_FAILED;
        enum stream_result r = stream_flush(s);
        if (r != STREAM_OK)
            return r;
        if (*end == 0)
            *end = operation_end(s);
        r = wait_for(s, events, *end);
        if (r != STREAM_OK)
            return r;
    }
}

enum stream_result stream_read_line(struct stream *s, size_t max, struct str *line)
{
    struct span *b = &s->in;
    size_t searched = 0;
    int64_t end = 0;

    for (;;) {
        size_t have = b->end - b->start;
        char *newline = have > searched
                            ? memchr(b->data + b->start + searched, '\n', have - searched)
                            : NULL;
        size_t len = newline != NULL ? (size_t)(newline - (b->data + b->start)) : have;

        if (len > max) {
            *line = str_n(b->data + b->start, max);
            b->start += max;
            return STREAM_TOO_LONG;
        }
        if (newline != NULL) {
            *line = str_n(b->data + b->start, len);
            b->start += len + 1;
            return STREAM_OK;
        }
        searched = have;
        enum stream_result r = fill(s, &end);
        if (r != STREAM_OK) {
            *line = str_n(have == 0 ? "" : b->data + b->start, have);
            if (r == STREAM_EOF)
                b->start = b->end;
            return r;
        }
    }
}

enum stream_result stream_read_some(struct stream *s, size_t max, struct str *data)
{
    struct span *b = &s->in;
    int64_t end = 0;

    if (b->start == b->end) {
        make_room(b, max < READ_SIZE ? max : READ_SIZE);
        enum stream_result r = fill(s, &end);
        if (r != STREAM_OK) {
            *data = str_n("", 0);
            return r;
        }
    }
    size_t len = b->end - b->start;
    if (len > max)
        len = max;
    *data = str_n(b->data + b->start, len);
    b->start += len;
    return STREAM_OK;
}

void stream_unread(struct stream *s, size_t len)
{
    ensure(len <= s->in.start);
    s->in.start -= len;
}

enum stream_result stream_read_exact(struct stream *s, void *data, size_t len)
{
    char *to = data;

    while (len > 0) {
        struct str piece;
        enum stream_result r = stream_read_some(s, len, &piece);
        if (r != STREAM_OK)
            return r;
        memcpy(to, piece.ptr, piece.len);
        to += piece.len;
        len -= piece.len;
    }
    return STREAM_OK;
}

bool stream_has_input(struct stream *s)
{
    char byte;

    if (s->in.start < s->in.end)
        return true;
    // A peer that has closed is readable too, but has nothing to say.
    ssize_t n = recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && errno == ENOTSOCK) {
        struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
        return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN);
    }
    return n > 0;
}

struct str stream_peek(const struct stream *s)
{
    const struct span *b = &s->in;

    return b->start == b->end ? str_n("", 0) : str_n(b->data + b->start, b->end - b->start);
}

void stream_drop_input(struct stream *s)
{
    s->in.start = s->in.end = 0;
}

enum stream_result stream_write(struct stream *s, struct str data)
{
    if (s->out.end - s->out.start + data.len > WRITE_SIZE && s->out.start < s->out.end) {
        enum stream_result r = stream_flush(s);
        if (r != STREAM_OK)
            return r;
    }
    make_room(&s->out, data.len);
    if (data.len > 0)
        memcpy(s->out.data + s->out.end, data.ptr, data.len);
    s->out.end += data.len;
    return s->out.end - s->out.start > WRITE_SIZE ? stream_flush(s) : STREAM_OK;
}

enum stream_result stream_printf(struct stream *s, const char *fmt, ...)
{
    char small[1024];
    char *text = small;
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(small, sizeof(small), fmt, args);
    ensure(len >= 0);
    if ((size_t)len >= sizeof(small)) {
        text = mem_alloc((size_t)len + 1);
        vsnprintf(text, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    va_end(args);
    enum stream_result r = stream_write(s, str_n(text, (size_t)len));
    if (text != small)
        free(text);
    return r;
}

size_t stream_unsent(const struct stream *s)
{
    return s->out.end - s->out.start;
}
