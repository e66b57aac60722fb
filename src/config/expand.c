// expand: $name and ${...} expansion over any dictionary.
#include "config/main_cf.h"
#include "util/buf.h"

enum { DEPTH_MAX = 50, EXPANDED_MAX = 1 << 20 };

struct expansion {
    struct arena *arena;
    bool recursive;
    expand_find *find;
    void *ctx;
    struct buf *out;
    struct error *err;
    const char *whole; // for messages
};

static bool expand_text(struct expansion *x, struct str text, struct buf *out, int depth);

static bool is_name_char(char c)
{
    return ascii_is_alnum(c) || c == '_';
}

static bool emit(struct expansion *x, struct buf *out, struct str text)
{
    if (buf_append(out, text))
        return true;
    return error_config(x->err, "macro expansion of \"%.100s\" is too long", x->whole);
}

static bool bad_macro(struct expansion *x, const char *why)
{
    return error_config(x->err, "%s in \"%.200s\"", why, x->whole);
}

// The value of `name`, expanded; *known tells whether anybody knows the name.
static bool value_of(struct expansion *x, struct str name, struct str *value, bool *known,
                     int depth)
{
    const char *found = x->find(arena_text(x->arena, name), x->ctx);

    *known = found != NULL;
    *value = str_c(found);
    if (found == NULL || !x->recursive || strchr(found, '$') == NULL)
        return true;
    struct buf *inner = buf_make(x->arena, EXPANDED_MAX);
    if (!expand_text(x, *value, inner, depth + 1))
        return false;
    *value = buf_view(inner);
    return true;
}

static bool all_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_digit(s.ptr[i]))
            return false;
    return s.len > 0;
}

static int compare_text(struct str a, struct str b)
{
    uint64_t x, y;

    if (all_digits(a) && all_digits(b) && str_to_u64(a, &x) && str_to_u64(b, &y))
        return x < y ? -1 : x > y;
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

// compatibility_level texts: up to three numbers with dots between.
static bool parse_level(struct str s, uint64_t level[3])
{
    struct str piece, rest = s;

    level[0] = level[1] = level[2] = 0;
    for (int i = 0; str_split(&rest, '.', &piece); i++)
        if (i == 3 || !str_to_u64(piece, &level[i]))
            return false;
    return true;
}

static bool compare_level(struct expansion *x, struct str a, struct str b, int *order)
{
    uint64_t x_level[3], y_level[3];

    if (!parse_level(a, x_level) || !parse_level(b, y_level))
        return error_config(x->err, "bad compatibility level: \"%.*s\" or \"%.*s\"",
                            STR_FMT(a), STR_FMT(b));
    *order = 0;
    for (int i = 0; i < 3 && *order == 0; i++)
        *order = x_level[i] < y_level[i] ? -1 : x_level[i] > y_level[i];
    return true;
}

// Longest first, so that "<=" is not read as "<".
static const struct relation {
    const char *text;
    bool level, less, equal, greater;
} relations[] = {
    {"<=level", true,  true,  true,  false},
    {">=level", true,  false, true,  true },
    {"==level", true,  false, true,  false},
    {"!=level", true,  true,  false, true },
    {"<level",  true,  true,  false, false},
    {">level",  true,  false, false, true },
    {"<=",      false, true,  true,  false},
    {">=",      false, false, true,  true },
    {"==",      false, false, true,  false},
    {"!=",      false, true,  false, true },
    {"<",       false, true,  false, false},
    {">",       false, false, false, true },
};

// Takes "{...}" from the front of `*rest`; `*inner` is what stands inside, trimmed.
static bool take_braced(struct str *rest, struct str *inner)
{
    int depth = 0;

    *rest = str_trim_left(*rest);
    if (rest->len == 0 || rest->ptr[0] != '{')
        return false;
    for (size_t i = 0; i < rest->len; i++) {
        depth += rest->ptr[i] == '{';
        depth -= rest->ptr[i] == '}';
        if (depth == 0) {
            *inner = str_trim(str_sub(*rest, 1, i - 1));
            *rest = str_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool expand_to_str(struct expansion *x, struct str text, struct str *value,
                          int depth)
{
    struct buf *out = buf_make(x->arena, EXPANDED_MAX);

    if (!expand_text(x, text, out, depth + 1))
        return false;
    *value = buf_view(out);
    return true;
}

// "{a} op {b}" at the front of `*rest`.
static bool evaluate_relation(struct expansion *x, struct str *rest, bool *truth, int depth)
{
    struct str left, right;
    const struct relation *relation = NULL;
    int order = 0;

    if (!take_braced(rest, &left))
        return bad_macro(x, "bad relational expression");
    *rest = str_trim_left(*rest);
    for (size_t i = 0; i < COUNT(relations) && relation == NULL; i++)
        if (str_starts(*rest, relations[i].text))
            relation = &relations[i];
    if (relation == NULL)
        return bad_macro(x, "bad relational operator");
    *rest = str_from(*rest, strlen(relation->text));
    if (!take_braced(rest, &right))
        return bad_macro(x, "bad relational expression");
    if (!expand_to_str(x, left, &left, depth) || !expand_to_str(x, right, &right, depth))
        return false;
    if (!relation->level)
        order = compare_text(left, right);
    else if (!compare_level(x, left, right, &order))
        return false;
    *truth = order < 0 ? relation->less : order == 0 ? relation->equal : relation->greater;
    return true;
}

// What follows "?" or ":" : either "{text}" (then `*rest` goes on behind it) or all the
// rest.
static struct str take_branch(struct str *rest)
{
    struct str inner, after = *rest;

    if (take_braced(&after, &inner)) {
        *rest = str_trim_left(after);
        return inner;
    }
    inner = *rest;
    *rest = str_n("", 0);
    return inner;
}

// The inside of ${...}.
static bool expand_braced(struct expansion *x, struct str body, struct buf *out, int depth)
{
    struct str rest = str_trim(body), value = STR_LIT("true");
    bool truth = false, known = true;

    if (rest.len > 0 && rest.ptr[0] == '{') {
        if (!evaluate_relation(x, &rest, &truth, depth))
            return false;
        if (!truth)
            value = str_n("", 0);
    } else {
        size_t len = 0;
        while (len < rest.len && is_name_char(rest.ptr[len]))
            len++;
        if (len == 0)
            return bad_macro(x, "empty macro name");
        if (!value_of(x, str_n(rest.ptr, len), &value, &known, depth))
            return false;
        rest = str_from(rest, len);
        truth = value.len > 0;
    }
    rest = str_trim_left(rest);
    if (rest.len == 0)
        return emit(x, out, value);

    char op = rest.ptr[0];
    if (op != '?' && op != ':')
        return bad_macro(x, "attribute name syntax error");
    rest = str_from(rest, 1);
    struct str branch = take_branch(&rest), other = {NULL, 0};
    if (op == '?' && rest.len > 0) {
        if (rest.ptr[0] != ':')
            return bad_macro(x, "expected ':' after \"?{text}\"");
        rest = str_from(rest, 1);
        other = take_branch(&rest);
    }
    if (str_trim(rest).len > 0)
        return bad_macro(x, "unexpected text after conditional value");
    if (truth == (op == '?'))
        return expand_text(x, branch, out, depth + 1);
    return other.ptr == NULL || expand_text(x, other, out, depth + 1);
}

static size_t closing(struct str s, char open, char close)
{
    int depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        depth += s.ptr[i] == open;
        depth -= s.ptr[i] == close;
        if (depth == 0)
            return i;
    }
    return SIZE_MAX;
}

// One macro; `s` begins behind the '$'. `*used` is how much of it the macro took.
static bool expand_macro(struct expansion *x, struct str s, struct buf *out, size_t *used,
                         int depth)
{
    struct str value;
    bool known;

    if (s.len == 0) {
        *used = 0;
        return bad_macro(x, "unexpected end of text after '$'");
    }
    if (s.ptr[0] == '$') {
        *used = 1;
        return emit(x, out, STR_LIT("$"));
    }
    if (s.ptr[0] == '{' || s.ptr[0] == '(') {
        size_t end = closing(s, s.ptr[0], s.ptr[0] == '{' ? '}' : ')');
        if (end == SIZE_MAX)
            return bad_macro(x, "truncated macro reference");
        *used = end + 1;
        return expand_braced(x, str_sub(s, 1, end - 1), out, depth);
    }
    size_t len = 0;
    while (len < s.len && is_name_char(s.ptr[len]))
        len++;
    *used = len;
    if (len == 0)
        return bad_macro(x, "empty macro name");
    return value_of(x, str_n(s.ptr, len), &value, &known, depth) && emit(x, out, value);
}

static bool expand_text(struct expansion *x, struct str text, struct buf *out, int depth)
{
    if (depth > DEPTH_MAX)
        return error_config(x->err, "unreasonable macro call nesting: \"%.200s\"",
                            x->whole);
    while (text.len > 0) {
        size_t dollar = str_index(text, '$'), used = 0;

        if (!emit(x, out, dollar == SIZE_MAX ? text : str_n(text.ptr, dollar)))
            return false;
        if (dollar == SIZE_MAX)
            break;
        text = str_from(text, dollar + 1);
        if (!expand_macro(x, text, out, &used, depth))
            return false;
        text = str_from(text, used);
    }
    return true;
}

bool text_expand(struct arena *arena, const char *text, bool recursive, expand_find *find,
                 void *ctx, const char **result, struct error *err)
{
    struct expansion x = {.arena = arena,
                          .recursive = recursive,
                          .find = find,
                          .ctx = ctx,
                          .err = err,
                          .whole = text};
    struct buf *out = buf_make(arena, EXPANDED_MAX);

    if (!expand_text(&x, str_c(text), out, 0))
        return false;
    *result = buf_text(out);
    return true;
}
