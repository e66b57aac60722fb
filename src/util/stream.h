// stream: buffered reading and writing on one descriptor with deadlines, for straight-line
// programs. Reads and writes are tried first; only EAGAIN waits (poll with what is left).
#pragma once
#include "util/arena.h"
#include "util/str.h"

struct stream;

enum stream_result {
    STREAM_OK,
    STREAM_EOF,     // the peer closed
    STREAM_TIMEOUT, // nothing came, or could be sent, before the deadline
    STREAM_FAILED,  // errno says why
    STREAM_TOO_LONG // stream_read_line: no end of line within the limit
};

// TLS and tests put themselves between the stream and the descriptor with these. Each
// returns the count, 0 at end of file, or -1 with errno (EAGAIN: wait for `*wait_events`).
struct stream_io {
    ssize_t (*read)(void *ctx, int fd, void *data, size_t len, short *wait_events);
    ssize_t (*write)(void *ctx, int fd, const void *data, size_t len, short *wait_events);
};

// Takes over `fd`, which becomes non-blocking.
struct stream *stream_open(int fd);
// Closes the descriptor; unsent output is dropped.
void stream_close(struct stream *s);
int stream_fd(const struct stream *s);
void stream_set_io(struct stream *s, const struct stream_io *io, void *ctx);

// Each later read and each flush may take so long (one read or flush, not one byte).
void stream_set_timeout(struct stream *s, int seconds);
// With a deadline (clock_ms) the end is absolute, whatever arrives; 0 takes it away.
void stream_set_deadline(struct stream *s, int64_t clock_ms_end);

// One line into `*line`, without its LF; a CR before it stays (the caller's policy
// decides). STREAM_TOO_LONG: `*line` holds the first `max` bytes and the rest of the line
// is still unread. At end of file a last unfinished line is given with STREAM_EOF and len >
// 0. The slice is good until the next call on the stream.
enum stream_result stream_read_line(struct stream *s, size_t max, struct str *line);
// What is there, at most `max`, at least one byte; good until the next call.
enum stream_result stream_read_some(struct stream *s, size_t max, struct str *data);
// Puts back the last `len` bytes of what stream_read_some gave just before.
void stream_unread(struct stream *s, size_t len);
// Exactly `len` bytes into `data`.
enum stream_result stream_read_exact(struct stream *s, void *data, size_t len);
// Bytes that can be read without waiting for the peer: buffered, and (peek) on the socket.
bool stream_has_input(struct stream *s);
// The bytes that are buffered and not read.
struct str stream_peek(const struct stream *s);
// Drops all buffered input (after STARTTLS, say).
void stream_drop_input(struct stream *s);

// Queues output; flushes by itself when the buffer (64 KiB) is full.
enum stream_result stream_write(struct stream *s, struct str data);
enum stream_result stream_printf(struct stream *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum stream_result stream_flush(struct stream *s);
size_t stream_unsent(const struct stream *s);
// Before a read would wait, unsent output is flushed by itself (RFC 2920 pipelining).
