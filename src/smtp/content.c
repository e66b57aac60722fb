// content: the message as it goes over the wire: CR LF, dots, long lines, checks,
// conversion.
#include "smtp/content.h"
#include "smtp/checks.h"
#include "smtp/generic.h"
#include "smtp/mime.h"
#include "smtp/qp.h"
#include "util/log.h"
#include "util/text.h"

enum { BLOCK_SIZE = 16384 };

// Bytes on their way: lines are gathered here, so that the stream sees blocks.
struct out {
    struct session *s;
    enum stream_result result;
    size_t len, column, limit; // `column`: bytes of the line so far
    bool in_line, said_long;
    const char *queue_id;
    char block[BLOCK_SIZE];
};

static void out_flush(struct out *o)
{
    if (o->result == STREAM_OK && o->len > 0)
        o->result = stream_write(o->s->io, str_n(o->block, o->len));
    o->len = 0;
}

static void out_bytes(struct out *o, struct str data)
{
    while (data.len > 0) {
        size_t room = BLOCK_SIZE - o->len, part = data.len < room ? data.len : room;

        memcpy(o->block + o->len, data.ptr, part);
        o->len += part;
        data = str_from(data, part);
        if (o->len == BLOCK_SIZE)
            out_flush(o);
    }
}

static void out_break(struct out *o)
{
    out_bytes(o, STR_LIT("\r\n"));
    o->column = 0;
    o->in_line = false;
}

// A line, or a part of one whose end is to come. RFC 5321 4.5.2: a dot in front is doubled;
// 4.5.3.1.6: no line longer than smtp_line_length_limit.
static void out_text(struct out *o, struct str text, bool ends)
{
    if (!o->in_line && text.len > 0 && text.ptr[0] == '.')
        out_bytes(o, STR_LIT("."));
    while (o->limit > 0 && o->column + text.len > o->limit) {
        size_t part = o->limit - o->column;

        if (!o->said_long)
            log_info("%s: breaking line > %zu bytes with <CR><LF>SPACE", o->queue_id,
                     o->limit);
        o->said_long = true;
        out_bytes(o, str_sub(text, 0, part));
        out_bytes(o, STR_LIT("\r\n "));
        o->column = 1;
        text = str_from(text, part);
        o->in_line = true;
    }
    out_bytes(o, text);
    o->column += text.len;
    o->in_line = o->in_line || text.len > 0;
    if (ends)
        out_break(o);
}

static void out_lines(struct out *o, struct str text)
{
    struct str line;

    while (str_take_line(&text, &line))
        out_text(o, line, true);
}

// The message with its structure, where somebody wants to look at or change it.
struct walk {
    struct out *out;
    struct session *s;
    struct arena *arena;
    const struct delivery_request *req;
    struct mime *mime;
    struct buf *header; // the header field being read, lines joined by LF
    bool to_7bit, convert, is_boundary, in_line;
    size_t qp_column;
    char *qp;
    size_t qp_size;
};

static struct maps *header_maps(const struct smtp_context *c, enum mime_place place)
{
    // As in cleanup(8): what is not set for attachments is as for the message.
    if (place == MIME_PART_HEADERS)
        return c->mime_header_checks;
    if (place == MIME_NESTED_HEADERS)
        return c->nested_header_checks;
    return c->header_checks;
}

// A complete header field: checks, address mapping, encoding; then out it goes.
static bool walk_header(struct walk *w, struct error *err)
{
    const struct smtp_context *c = w->s->c;
    struct str header = buf_view(w->header);
    size_t colon = str_index(header, ':');
    bool keep = true;

    if (header.len == 0)
        return true;
    header = arena_str(w->arena, header);
    buf_clear(w->header);
    if (colon != SIZE_MAX) {
        struct str name = str_trim_right(str_sub(header, 0, colon));

        mime_header(w->mime, name, str_from(header, colon + 1));
        if (w->to_7bit && str_is_nocase(name, "Content-Transfer-Encoding") &&
            mime_encoding(w->mime) != MIME_QP && mime_encoding(w->mime) != MIME_BASE64 &&
            mime_encoding(w->mime) != MIME_UNKNOWN)
            return true; // written anew at the end of the block
    }
    struct maps *maps = header_maps(c, mime_place(w->mime));
    if (maps != NULL) {
        struct str before = {"", 0};

        if (!checks_apply(maps, w->arena, w->req->queue_id, "header", &header, &before,
                          &keep, err))
            return false;
        out_lines(w->out, before);
    }
    if (mime_place(w->mime) != MIME_PART_HEADERS &&
        !generic_header(c, w->arena, &header, err))
        return false;
    if (keep)
        out_lines(w->out, header);
    return true;
}

// The end of a header block: says how the entity will be encoded now.
static void walk_headers_end(struct walk *w)
{
    enum mime_encoding encoding = mime_encoding(w->mime);
    bool composite = mime_is_composite(w->mime);
    bool eight = encoding == MIME_8BIT || encoding == MIME_BINARY;

    w->convert = w->to_7bit && eight && !composite;
    if (w->convert)
        out_text(w->out, STR_LIT("Content-Transfer-Encoding: quoted-printable"), true);
    else if (w->to_7bit && eight)
        out_text(w->out, STR_LIT("Content-Transfer-Encoding: 7bit"), true);
    w->qp_column = 0;
    mime_headers_end(w->mime);
}

static bool walk_body(struct walk *w, struct str text, bool ends, struct error *err)
{
    bool first = !w->in_line;

    w->in_line = !ends;
    if (first) {
        w->is_boundary = mime_body_line(w->mime, text);
        if (w->is_boundary)
            w->convert = false;
    }
    if (first && w->s->c->body_checks != NULL) {
        struct str before = {"", 0};
        bool keep = true;

        if (!checks_apply(w->s->c->body_checks, w->arena, w->req->queue_id, "body", &text,
                          &before, &keep, err))
            return false;
        out_lines(w->out, before);
        if (!keep)
            return true;
    }
    if (!w->convert) {
        out_text(w->out, text, ends);
        return true;
    }
    if (w->qp_size < QP_SIZE(text.len)) {
        w->qp_size = QP_SIZE(text.len);
        w->qp = arena_alloc(w->arena, w->qp_size);
    }
    struct str coded = {w->qp, qp_encode(text, ends, &w->qp_column, w->qp)}, line;
    while (str_take_line(&coded, &line)) {
        bool soft = line.len > 0 && line.ptr[line.len - 1] == '\r';

        if (soft)
            line.len--;
        out_text(w->out, line, soft);
    }
    if (ends)
        out_break(w->out);
    return true;
}

// A header block ends at an empty line, or at one that cannot belong to it.
static bool is_header_line(struct str line)
{
    size_t colon = str_index(line, ':');

    if (colon == SIZE_MAX || colon == 0)
        return false;
    struct str name = str_trim_right(str_sub(line, 0, colon));
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f)
            return false;
    return name.len > 0;
}

static bool walk_line(struct walk *w, struct str text, bool ends, struct error *err)
{
    bool first = !w->in_line;

    if (mime_place(w->mime) == MIME_BODY)
        return walk_body(w, text, ends, err);
    w->in_line = !ends;
    if (!first) { // the rest of an over-long header line
        if (!buf_append(w->header, text))
            return error_temp(err, "4.3.0", "header too long");
        return true;
    }
    bool more = buf_len(w->header) > 0 && text.len > 0 &&
                (text.ptr[0] == ' ' || text.ptr[0] == '\t');
    if (more) {
        if (!buf_append_char(w->header, '\n') || !buf_append(w->header, text))
            return error_temp(err, "4.3.0", "header too long");
        return true;
    }
    if (!walk_header(w, err))
        return false;
    if (is_header_line(text)) {
        if (!buf_append(w->header, text))
            return error_temp(err, "4.3.0", "header too long");
        return true;
    }
    walk_headers_end(w);
    if (text.len == 0 && ends) {
        out_break(w->out);
        return true;
    }
    // No empty line: the body (or the next block) starts right here.
    w->in_line = false;
    if (mime_place(w->mime) != MIME_BODY) {
        mime_headers_end(w->mime);
    }
    out_break(w->out);
    return walk_body(w, text, ends, err);
}

static bool wants_walk(const struct smtp_context *c, bool to_7bit)
{
    return to_7bit || c->generic != NULL || c->header_checks != NULL ||
           c->mime_header_checks != NULL || c->nested_header_checks != NULL ||
           c->body_checks != NULL;
}

static bool send_walked(struct out *out, struct session *s, struct arena *arena,
                        struct content_reader *reader, const struct delivery_request *req,
                        bool to_7bit, struct error *err)
{
    const struct smtp_config *cfg = s->c->cfg;
    struct walk w = {.out = out, .s = s, .arena = arena, .req = req, .to_7bit = to_7bit};
    struct str text;
    bool ends;

    w.mime = mime_new(arena, (size_t)cfg->mime_nesting_limit,
                      (size_t)cfg->mime_boundary_length_limit);
    w.header = buf_make(arena, (size_t)s->c->mail->header_size_limit * 2 + 65536);
    while (out->result == STREAM_OK && content_next(reader, &text, &ends, err))
        if (!walk_line(&w, text, ends, err))
            return false;
    if (err->kind != ERROR_NONE)
        return false;
    if (out->result == STREAM_OK && mime_place(w.mime) != MIME_BODY) {
        if (!walk_header(&w, err))
            return false;
        walk_headers_end(&w);
    }
    return true;
}

enum content_result content_send(struct session *s, struct arena *arena, int fd,
                                 const struct delivery_request *req, const char *prepend,
                                 bool to_7bit, struct error *err)
{
    struct content_reader *reader = content_open(fd, req->data_offset, arena);
    struct out *out = ARENA_NEW(arena, struct out);
    bool good = true, ends;
    struct str text;

    out->s = s;
    out->limit = (size_t)s->c->cfg->line_length_limit;
    out->queue_id = req->queue_id;
    err->kind = ERROR_NONE;
    stream_set_timeout(s->io, (int)s->c->cfg->data_xfer_timeout.seconds);
    stream_set_deadline(s->io, 0);
    out_lines(out, str_c(prepend));
    if (wants_walk(s->c, to_7bit)) {
        good = send_walked(out, s, arena, reader, req, to_7bit, err);
    } else {
        while (out->result == STREAM_OK && content_next(reader, &text, &ends, err))
            out_text(out, text, ends);
        good = err->kind == ERROR_NONE;
    }
    if (out->in_line)
        out_break(out); // the last line had no end
    out_flush(out);
    if (out->result != STREAM_OK) {
        (void)session_failed(s, out->result, "sending message body", err);
        return CONTENT_LOST;
    }
    return good ? CONTENT_SENT : CONTENT_FAILED;
}
