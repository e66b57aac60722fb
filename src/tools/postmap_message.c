// postmap_message: the keys in a message on standard input: header fields, body lines.
//
// With -m also the headers of parts and of attached messages count as headers: a part
// begins behind a line "--BOUNDARY", and its header ends at the first line that is none.
#include "tools/postmap_message.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/text.h"
#include <stdio.h>
#include <stdlib.h>

#define HEADER_MAX (1u << 20)
#define NESTING_MAX 100

struct reader {
    const struct table_options *opt;
    void (*ask)(void *ctx, const char *key);
    void *ctx;
    struct arena *arena;
    struct buf *field; // the header field so far
    bool in_header;
    bool is_message; // the header being read says message/*
    const char *boundaries[NESTING_MAX];
    size_t boundaries_len;
    const char *new_boundary; // of the header being read
};

static bool is_field_start(struct str line)
{
    size_t colon = str_index(line, ':');

    if (colon == SIZE_MAX || colon == 0)
        return false;
    struct str name = str_trim_right(str_sub(line, 0, colon));

    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 127)
            return false;
    return true;
}

static const char *find_boundary(struct reader *r, struct str value)
{
    struct str rest = value, piece, name, text;

    while (str_split(&rest, ';', &piece))
        if (text_split_pair(piece, &name, &text) && str_is_nocase(name, "boundary")) {
            if (text.len >= 2 && text.ptr[0] == '"')
                text = str_sub(text, 1, text.len - 2);
            return arena_text(r->arena, text);
        }
    return NULL;
}

static void end_field(struct reader *r)
{
    struct str field = buf_view(r->field);

    if (field.len == 0)
        return;
    if (r->opt->header)
        r->ask(r->ctx, buf_text(r->field));
    if (str_starts_nocase(field, "content-type:")) {
        struct str value = str_trim(str_from(field, strlen("content-type:")));

        r->is_message = str_starts_nocase(value, "message/");
        if (str_starts_nocase(value, "multipart/"))
            r->new_boundary = find_boundary(r, value);
    }
    buf_clear(r->field);
}

static void begin_header(struct reader *r)
{
    r->in_header = true;
    r->is_message = false;
    r->new_boundary = NULL;
}

static void end_header(struct reader *r)
{
    bool is_message = r->is_message;

    end_field(r);
    is_message = r->is_message;
    r->in_header = false;
    if (!r->opt->mime)
        return;
    if (r->new_boundary != NULL && r->boundaries_len < NESTING_MAX)
        r->boundaries[r->boundaries_len++] = r->new_boundary;
    if (is_message)
        begin_header(r);
}

// "--BOUNDARY" begins a part, "--BOUNDARY--" ends the parts of that boundary.
static bool at_boundary(struct reader *r, struct str line)
{
    if (!r->opt->mime || !str_starts(line, "--"))
        return false;
    for (size_t i = r->boundaries_len; i > 0; i--) {
        const char *boundary = r->boundaries[i - 1];

        if (!str_starts(str_from(line, 2), boundary))
            continue;
        if (r->in_header)
            end_header(r);
        bool is_last = str_starts(str_from(line, 2 + strlen(boundary)), "--");

        r->boundaries_len = is_last ? i - 1 : i;
        if (!is_last)
            begin_header(r);
        return true;
    }
    return false;
}

static void take_line(struct reader *r, struct str line)
{
    bool is_boundary = at_boundary(r, line);

    if (is_boundary) {
        if (r->opt->body)
            r->ask(r->ctx, arena_text(r->arena, line));
        return;
    }
    if (r->in_header) {
        if (line.len > 0 && ascii_is_space(line.ptr[0]) && buf_len(r->field) > 0) {
            buf_putf(r->field, "\n%.*s", STR_FMT(line));
            return;
        }
        end_field(r);
        if (is_field_start(line)) {
            buf_put(r->field, line);
            return;
        }
        end_header(r);
        if (line.len == 0 && r->in_header)
            return; // straight into the header of an attached message
    }
    if (r->opt->body)
        r->ask(r->ctx, arena_text(r->arena, line));
}

void postmap_each_key(const struct table_options *opt,
                      void (*ask)(void *ctx, const char *key), void *ctx)
{
    struct arena *arena = arena_new();
    struct reader r = {
        .opt = opt, .ask = ask, .ctx = ctx, .arena = arena, .in_header = true};
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    r.field = buf_make(arena, HEADER_MAX + (1u << 20));
    while ((len = getline(&line, &room, stdin)) >= 0) {
        struct str s = str_n(line, (size_t)len);

        if (s.len > 0 && s.ptr[s.len - 1] == '\n')
            s.len--;
        if (buf_len(r.field) + s.len > HEADER_MAX)
            end_field(&r);
        take_line(&r, str_sub(s, 0, s.len < HEADER_MAX ? s.len : HEADER_MAX));
        // Without headers there can be no more keys.
        if (!r.in_header && !opt->body && !opt->mime)
            break;
    }
    end_field(&r);
    free(line);
    arena_free(arena);
}
