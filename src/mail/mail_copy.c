// mail_copy: a message from the queue as a mailbox, file or command gets it.
#include "mail/mail_copy.h"
#include "mail/address.h"
#include "mail/queue_file.h"
#include "util/buf.h"
#include <errno.h>
#include <time.h>

// A small message leaves in one write; a big one in pieces of this size.
#define PIECE_SIZE (64u * 1024)
#define BUFFER_MAX (8u * 1024 * 1024)

struct copy {
    const struct mail_format *format;
    struct str eol;
    struct buf *out;
    mail_sink *sink;
    void *ctx;
};

static bool drain(struct copy *c)
{
    struct str data = buf_view(c->out);

    if (data.len > 0 && !c->sink(c->ctx, data.ptr, data.len))
        return false;
    buf_clear(c->out);
    return true;
}

static bool put(struct copy *c, struct str s)
{
    if (buf_len(c->out) + s.len > PIECE_SIZE && !drain(c))
        return false;
    if (s.len > PIECE_SIZE)
        return c->sink(c->ctx, s.ptr, s.len);
    buf_put(c->out, s);
    return true;
}

static bool put_header(struct copy *c, const char *before, const char *value,
                       const char *after)
{
    return value == NULL || (put(c, str_c(before)) && put(c, str_c(value)) &&
                             put(c, str_c(after)) && put(c, c->eol));
}

static bool put_front(struct copy *c)
{
    const struct mail_format *f = c->format;
    char when[64] = "";
    time_t now = time(NULL);
    struct tm tm;

    if (f->from_line != NULL && localtime_r(&now, &tm) != NULL) {
        strftime(when, sizeof(when), "  %a %b %e %H:%M:%S %Y", &tm);
        if (!put_header(c, "From ", f->from_line, when))
            return false;
    }
    return put_header(c, "Return-Path: <", f->return_path, ">") &&
           put_header(c, "X-Original-To: ", f->original_to, "") &&
           put_header(c, "Delivered-To: ", f->delivered_to, "");
}

// What has to stand before a line that starts with `text`.
static const char *line_prefix(const struct mail_format *f, struct str text)
{
    if (f->quote_from && str_starts(text, "From "))
        return ">";
    if (f->stuff_dots && str_starts(text, "."))
        return ".";
    return "";
}

static enum mail_copy_result copy_lines(struct copy *c, struct content_reader *in,
                                        struct error *err)
{
    struct str text;
    bool ends = true;
    bool at_start = true;
    struct error trouble = {0};

    while (content_next(in, &text, &ends, &trouble)) {
        if (at_start && !put(c, str_c(line_prefix(c->format, text))))
            return MAIL_COPY_SINK;
        if (!put(c, text) || (ends && !put(c, c->eol)))
            return MAIL_COPY_SINK;
        at_start = ends;
    }
    if (trouble.kind != ERROR_NONE) {
        // A damaged queue file is the queue manager's to find: nothing bounces for it.
        error_temp(err, "4.3.0", "cannot read queue file: %s", trouble.text);
        return MAIL_COPY_SOURCE;
    }
    if (!at_start && !put(c, c->eol)) // never glue the next message to an unfinished line
        return MAIL_COPY_SINK;
    if (c->format->blank_end && !put(c, c->eol))
        return MAIL_COPY_SINK;
    return drain(c) ? MAIL_COPY_OK : MAIL_COPY_SINK;
}

enum mail_copy_result mail_copy(struct arena *arena, int queue_fd, int64_t data_offset,
                                const struct mail_format *format, mail_sink *sink,
                                void *ctx, struct error *err)
{
    struct copy c = {.format = format, .sink = sink, .ctx = ctx};
    enum mail_copy_result result;

    c.eol = format->eol.len > 0 ? format->eol : STR_LIT("\n");
    c.out = buf_new(BUFFER_MAX);
    if (!put_front(&c))
        result = MAIL_COPY_SINK;
    else
        result = copy_lines(&c, content_open(queue_fd, data_offset, arena), err);
    int saved_errno = errno;
    buf_free(c.out);
    errno = saved_errno;
    return result;
}

const char *mail_copy_sender(struct arena *arena, const char *sender,
                             const char *null_sender)
{
    return sender[0] == '\0' ? null_sender : address_quote(arena, sender);
}
