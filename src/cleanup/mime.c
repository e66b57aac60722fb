// mime: walks a message: which line is a header of what, and which is body.
#include "cleanup/mime.h"
#include "util/buf.h"
#include "util/text.h"

enum walk_state { IN_PRIMARY, IN_PART, IN_NESTED, IN_BODY };

void mime_start(struct mime_walk *w, struct arena *arena, const struct mime_limits *limits,
                struct str message)
{
    *w = (struct mime_walk){.arena = arena,
                            .limits = *limits,
                            .rest = message,
                            .state = IN_PRIMARY,
                            .is_7bit = true};
}

// ---- header values ---------------------------------------------------------------------

// Skips blanks and (nested) comments, RFC 5322 3.2.2.
static void skip_blanks(struct str *s)
{
    int depth = 0;

    while (s->len > 0) {
        char c = s->ptr[0];

        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (c == '\\' && depth > 0 && s->len > 1)
            *s = str_from(*s, 1);
        else if (depth == 0 && !ascii_is_space(c))
            return;
        *s = str_from(*s, 1);
    }
}

// RFC 2045 5.1 token.
static struct str take_token(struct str *s)
{
    size_t i = 0;

    while (i < s->len && s->ptr[i] > ' ' && s->ptr[i] != 127 &&
           strchr("()<>@,;:\\\"/[]?=", s->ptr[i]) == NULL)
        i++;
    struct str token = str_sub(*s, 0, i);

    *s = str_from(*s, i);
    return token;
}

// A token or a quoted string without its quotes.
static struct str take_value(struct arena *arena, struct str *s)
{
    if (s->len == 0 || s->ptr[0] != '"') {
        // Lenient: boundaries with '=' or '/' are often not quoted.
        size_t i = 0;

        while (i < s->len && !ascii_is_space(s->ptr[i]) && s->ptr[i] != ';')
            i++;
        struct str value = str_sub(*s, 0, i);

        *s = str_from(*s, i);
        return value;
    }
    char *text = arena_alloc(arena, s->len);
    size_t len = 0, i = 1;

    for (; i < s->len && s->ptr[i] != '"'; i++) {
        if (s->ptr[i] == '\\' && i + 1 < s->len)
            i++;
        if (s->ptr[i] != '\n')
            text[len++] = s->ptr[i];
    }
    *s = str_from(*s, i < s->len ? i + 1 : i);
    return str_n(text, len);
}

bool mime_parse_type(struct arena *arena, struct str value, struct str *type,
                     struct str *subtype, struct str *boundary)
{
    *boundary = str_n("", 0);
    skip_blanks(&value);
    *type = take_token(&value);
    skip_blanks(&value);
    if (type->len == 0 || value.len == 0 || value.ptr[0] != '/')
        return false;
    value = str_from(value, 1);
    skip_blanks(&value);
    *subtype = take_token(&value);
    for (;;) {
        while (value.len > 0 && value.ptr[0] != ';') {
            if (value.ptr[0] == '"')
                take_value(arena, &value);
            else
                value = str_from(value, 1);
        }
        if (value.len == 0)
            return true;
        value = str_from(value, 1);
        skip_blanks(&value);
        struct str name = take_token(&value);

        skip_blanks(&value);
        if (value.len == 0 || value.ptr[0] != '=')
            continue;
        value = str_from(value, 1);
        skip_blanks(&value);
        struct str found = take_value(arena, &value);

        if (str_is_nocase(name, "boundary") && boundary->len == 0)
            *boundary = found;
    }
}

static void note_type(struct mime_walk *w, struct str value)
{
    struct str type, subtype, boundary;

    w->is_multipart = w->is_message = false;
    if (!mime_parse_type(w->arena, value, &type, &subtype, &boundary))
        return;
    if (str_is_nocase(type, "multipart") && boundary.len > 0) {
        w->is_multipart = true;
        w->boundary = str_sub(boundary, 0, w->limits.boundary_length);
    } else if (str_is_nocase(type, "message")) {
        w->is_message =
            str_is_nocase(subtype, "rfc822") || str_is_nocase(subtype, "global");
    }
}

static void note_encoding(struct mime_walk *w, struct str value)
{
    skip_blanks(&value);
    struct str token = take_token(&value);

    w->is_encoded =
        str_is_nocase(token, "quoted-printable") || str_is_nocase(token, "base64");
    w->is_7bit = !str_is_nocase(token, "8bit") && !str_is_nocase(token, "binary");
    if (!w->is_7bit)
        w->said_8bit = true;
}

static void note_header(struct mime_walk *w, const struct header *h)
{
    enum header_kind kind = header_classify(h->name).kind;

    if (!str_is_ascii(h->text))
        w->errors |= MIME_ERROR_8BIT_HEADER;
    if (kind == HEADER_CONTENT_TYPE)
        note_type(w, h->value);
    else if (kind == HEADER_CONTENT_ENCODING)
        note_encoding(w, h->value);
}

// ---- parts -----------------------------------------------------------------------------

static void begin_headers(struct mime_walk *w, int state)
{
    w->state = state;
    w->is_multipart = w->is_message = w->is_encoded = false;
    w->is_7bit = true;
}

static void open_level(struct mime_walk *w)
{
    if (w->levels_len == w->levels_max) {
        size_t max = w->levels_max == 0 ? 8 : w->levels_max * 2;
        struct mime_level *more = arena_array(w->arena, max, sizeof(*more));

        if (w->levels_len > 0)
            memcpy(more, w->levels, w->levels_len * sizeof(*more));
        w->levels = more;
        w->levels_max = max;
    }
    w->levels[w->levels_len++].boundary = w->boundary;
}

// What the headers that just ended say about what follows.
static void end_headers(struct mime_walk *w)
{
    w->state = IN_BODY;
    if (!w->limits.parse)
        return;
    if ((w->is_multipart || w->is_message) && w->is_encoded)
        w->errors |= MIME_ERROR_ENCODING_DOMAIN;
    if (!w->is_multipart && !w->is_message)
        return;
    if (w->depth + 1 > w->limits.nesting) {
        w->errors |= MIME_ERROR_NESTING;
        return; // deeper parts are plain text to us
    }
    w->depth++;
    if (w->is_multipart)
        open_level(w);
    else if (!w->is_encoded)
        begin_headers(w, IN_NESTED);
}

// True when `line` is a boundary of an open multipart; inner ones are closed then.
static bool at_boundary(struct mime_walk *w, struct str line)
{
    if (w->levels_len == 0 || line.len < 3 || line.ptr[0] != '-' || line.ptr[1] != '-')
        return false;
    for (size_t i = w->levels_len; i-- > 0;) {
        struct str b = w->levels[i].boundary;

        if (line.len < b.len + 2 || memcmp(line.ptr + 2, b.ptr, b.len) != 0)
            continue;
        bool is_last = line.len >= b.len + 4 && memcmp(line.ptr + 2 + b.len, "--", 2) == 0;

        w->levels_len = is_last ? i : i + 1;
        w->depth = w->levels_len;
        if (is_last) {
            w->state = IN_BODY;
            w->is_7bit = true;
            w->is_encoded = false;
        } else {
            begin_headers(w, IN_PART);
        }
        return true;
    }
    return false;
}

static void body_line(struct mime_walk *w, struct mime_event *event)
{
    const char *newline = memchr(w->rest.ptr, '\n', w->rest.len);
    size_t len = newline == NULL ? w->rest.len : (size_t)(newline - w->rest.ptr);

    event->kind = MIME_BODY_LINE;
    event->line = str_sub(w->rest, 0, len);
    event->has_newline = newline != NULL;
    w->rest = str_from(w->rest, newline == NULL ? len : len + 1);
    if (!w->limits.parse || at_boundary(w, event->line))
        return;
    if (w->is_7bit && !(w->errors & MIME_ERROR_8BIT_BODY) && !str_is_ascii(event->line))
        w->errors |= MIME_ERROR_8BIT_BODY;
}

void mime_next(struct mime_walk *w, struct mime_event *event)
{
    static const enum mime_event_kind kinds[] = {[IN_PRIMARY] = MIME_PRIMARY_HEADER,
                                                 [IN_PART] = MIME_PART_HEADER,
                                                 [IN_NESTED] = MIME_NESTED_HEADER};
    int state = w->state;

    *event = (struct mime_event){.kind = MIME_DONE};
    if (state != IN_BODY) {
        struct str before = w->rest;
        enum header_result result = header_take(&w->rest, &event->header);

        if (result == HEADER_FIELD) {
            if (w->limits.parse)
                note_header(w, &event->header);
            event->kind = kinds[state];
            if (w->limits.parse &&
                (header_classify(event->header.name).traits & HEADER_IS_MIME))
                event->kind = MIME_PART_HEADER;
            return;
        }
        w->rest = before; // an empty line is a body line for the caller, too
        end_headers(w);
        if (state == IN_PRIMARY) {
            event->kind = MIME_HEADERS_END;
            event->empty_line_missing = result == HEADER_NONE;
            if (result == HEADER_END)
                w->rest = str_from(w->rest, 1);
            return;
        }
        if (result == HEADER_END) {
            w->rest = str_from(w->rest, 1);
            event->kind = MIME_BODY_LINE;
            event->line = str_n("", 0);
            event->has_newline = true;
            return;
        }
        if (w->state != IN_BODY)
            w->state = IN_BODY; // a nested message that begins without an empty line
    }
    if (w->rest.len > 0)
        body_line(w, event);
}
