// content: the message as it goes over the wire: CR LF, dots, long lines, checks,
// conversion.
#pragma once
#include "mail/delivery.h"
#include "smtp/session.h"

enum content_result {
    CONTENT_SENT,
    CONTENT_LOST,   // the connection broke: err
    CONTENT_FAILED, // the message cannot be read (or checked) now: err; nothing may end it
};

// Writes the message in `fd` to `s`, up to but without the final dot. `prepend` is header
// text with LF line ends ("Return-Path: ..."), `to_7bit` says that 8-bit parts have to be
// converted.
enum content_result content_send(struct session *s, struct arena *arena, int fd,
                                 const struct delivery_request *req, const char *prepend,
                                 bool to_7bit, struct error *err);
