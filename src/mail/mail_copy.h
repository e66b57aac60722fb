// mail_copy: a message from the queue as a mailbox, file or command gets it: headers put in
// front, "From " quoting, dot stuffing, line ends.
#pragma once
#include "util/arena.h"
#include "util/clock.h"
#include "util/error.h"

// What to change on the way. The zero value copies as is, with LF. Addresses are in
// external (quoted) form; NULL leaves the line out. They come in this order.
struct mail_format {
    const char *from_line;   // "From ADDRESS  CTIME"
    const char *return_path; // "" gives "Return-Path: <>"
    const char *original_to;
    const char *delivered_to;
    struct str eol;  // empty: LF
    bool quote_from; // ">" before "From " at the start of a line
    bool stuff_dots; // "." before a line that starts with one
    bool blank_end;  // an empty line behind the message
};

// Where the bytes go. False with errno ends the copy.
typedef bool mail_sink(void *ctx, const char *data, size_t len);

enum mail_copy_result {
    MAIL_COPY_OK,
    MAIL_COPY_SOURCE, // the queue file could not be read; `err` says why
    MAIL_COPY_SINK,   // the sink refused; errno is its reason
};
enum mail_copy_result mail_copy(struct arena *arena, int queue_fd, int64_t data_offset,
                                const struct mail_format *format, mail_sink *sink,
                                void *ctx, struct error *err);

// The address as a "From " line and Return-Path: show it: quoted; `null_sender` for "".
const char *mail_copy_sender(struct arena *arena, const char *sender,
                             const char *null_sender);
