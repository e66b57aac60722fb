// mime: where in a message we are (RFC 2045, 2046), line by line: which header block, which
// body.
#include "smtp/mime.h"
#include "util/text.h"

struct level {
    const char *boundary;
    struct level *outer;
    size_t depth;
};

enum media { MEDIA_LEAF, MEDIA_MULTIPART, MEDIA_MESSAGE };

struct mime {
    struct arena *arena;
    size_t nesting_limit, boundary_limit;
    struct level *innermost;
    enum mime_place place;
    enum mime_encoding encoding;
    enum media media;
    struct str boundary; // of the block being read
};

static void block_begin(struct mime *m, enum mime_place place)
{
    m->place = place;
    m->encoding = MIME_7BIT;
    m->media = MEDIA_LEAF;
    m->boundary = str_n("", 0);
}

struct mime *mime_new(struct arena *arena, size_t nesting_limit, size_t boundary_limit)
{
    struct mime *m = ARENA_NEW(arena, struct mime);

    m->arena = arena;
    m->nesting_limit = nesting_limit;
    m->boundary_limit = boundary_limit;
    block_begin(m, MIME_PRIMARY_HEADERS);
    return m;
}

enum mime_place mime_place(const struct mime *m)
{
    return m->place;
}

enum mime_encoding mime_encoding(const struct mime *m)
{
    return m->encoding;
}

bool mime_is_composite(const struct mime *m)
{
    return m->media != MEDIA_LEAF;
}

static void skip_comments(struct str *rest)
{
    for (;;) {
        *rest = str_trim_left(*rest);
        if (rest->len == 0 || rest->ptr[0] != '(')
            return;
        size_t i = 1;
        for (int depth = 1; i < rest->len && depth > 0; i++) {
            if (rest->ptr[i] == '\\')
                i++;
            else if (rest->ptr[i] == '(')
                depth++;
            else if (rest->ptr[i] == ')')
                depth--;
        }
        *rest = str_from(*rest, i);
    }
}

// The next token of a structured field: a word, a quoted string (without its quotes;
// `scratch` takes its text), or one special character.
static bool next_token(struct arena *arena, struct str *rest, struct str *token)
{
    static const char specials[] = "()<>@,;:\\\"/[]?=";

    skip_comments(rest);
    if (rest->len == 0)
        return false;
    if (rest->ptr[0] == '"') {
        char *text = arena_alloc(arena, rest->len);
        size_t used = 0, i = 1;

        for (; i < rest->len && rest->ptr[i] != '"'; i++) {
            if (rest->ptr[i] == '\\' && i + 1 < rest->len)
                i++;
            text[used++] = rest->ptr[i];
        }
        *token = str_n(text, used);
        *rest = str_from(*rest, i + 1);
        return true;
    }
    size_t len = 0;
    while (len < rest->len && !ascii_is_space(rest->ptr[len]) &&
           (rest->ptr[len] == '\0' || strchr(specials, rest->ptr[len]) == NULL))
        len++;
    *token = str_sub(*rest, 0, len > 0 ? len : 1);
    *rest = str_from(*rest, token->len);
    return true;
}

static void read_content_type(struct mime *m, struct str value)
{
    struct str type, slash, subtype, token;

    if (!next_token(m->arena, &value, &type) || !next_token(m->arena, &value, &slash) ||
        !next_token(m->arena, &value, &subtype))
        return;
    if (str_is_nocase(type, "multipart"))
        m->media = MEDIA_MULTIPART;
    else if (str_is_nocase(type, "message") &&
             (str_is_nocase(subtype, "rfc822") || str_is_nocase(subtype, "global")))
        m->media = MEDIA_MESSAGE;
    while (next_token(m->arena, &value, &token)) {
        struct str equals, text;

        if (!str_is_nocase(token, "boundary"))
            continue;
        if (next_token(m->arena, &value, &equals) && str_is(equals, "=") &&
            next_token(m->arena, &value, &text))
            m->boundary = str_sub(text, 0, m->boundary_limit);
        return;
    }
}

static void read_encoding(struct mime *m, struct str value)
{
    static const struct {
        const char *name;
        enum mime_encoding encoding;
    } names[] = {
        {"7bit",             MIME_7BIT  },
        {"8bit",             MIME_8BIT  },
        {"binary",           MIME_BINARY},
        {"quoted-printable", MIME_QP    },
        {"base64",           MIME_BASE64},
    };
    struct str token;

    if (!next_token(m->arena, &value, &token))
        return;
    m->encoding = MIME_UNKNOWN;
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_is_nocase(token, names[i].name))
            m->encoding = names[i].encoding;
}

void mime_header(struct mime *m, struct str name, struct str value)
{
    if (str_is_nocase(name, "Content-Type"))
        read_content_type(m, value);
    else if (str_is_nocase(name, "Content-Transfer-Encoding"))
        read_encoding(m, value);
}

void mime_headers_end(struct mime *m)
{
    size_t depth = m->innermost == NULL ? 0 : m->innermost->depth;

    if (m->media == MEDIA_MULTIPART && m->boundary.len > 0 && depth < m->nesting_limit) {
        struct level *level = ARENA_NEW(m->arena, struct level);

        level->boundary = arena_text(m->arena, m->boundary);
        level->outer = m->innermost;
        level->depth = depth + 1;
        m->innermost = level;
    }
    if (m->media == MEDIA_MESSAGE && m->encoding != MIME_QP && m->encoding != MIME_BASE64)
        block_begin(m, MIME_NESTED_HEADERS);
    else
        m->place = MIME_BODY;
}

bool mime_body_line(struct mime *m, struct str line)
{
    if (m->innermost == NULL || !str_starts(line, "--"))
        return false;
    line = str_from(line, 2);
    for (struct level *level = m->innermost; level != NULL; level = level->outer) {
        if (!str_starts(line, level->boundary))
            continue;
        if (str_starts(str_from(line, strlen(level->boundary)), "--")) {
            m->innermost = level->outer;
            block_begin(m, MIME_BODY); // what follows belongs to nobody
        } else {
            m->innermost = level;
            block_begin(m, MIME_PART_HEADERS);
        }
        return true;
    }
    return false;
}
