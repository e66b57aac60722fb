// address: mailbox addresses between their external (quoted, RFC 5321) and internal form.
#include "mail/address.h"
#include "util/text.h"

// ---- quoting
// -----------------------------------------------------------------------------

// RFC 5322 3.2.3 atext, and bytes of UTF-8 (RFC 6532 3.2).
static bool is_atom_char(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && strchr("()<>@,;:\\\".[]", c) == NULL;
}

static bool is_dot_string(struct str local)
{
    bool after_dot = true;

    for (size_t i = 0; i < local.len; i++) {
        if (local.ptr[i] == '.' ? after_dot : !is_atom_char(local.ptr[i]))
            return false;
        after_dot = local.ptr[i] == '.';
    }
    return !after_dot;
}

void address_split(struct str internal, struct str *local, struct str *domain)
{
    size_t at = str_rindex(internal, '@');

    *local = at == SIZE_MAX ? internal : str_sub(internal, 0, at);
    *domain = at == SIZE_MAX ? str_c("") : str_from(internal, at + 1);
}

bool address_needs_quotes(const char *internal)
{
    struct str local, domain;

    address_split(str_c(internal), &local, &domain);
    return *internal != 0 && !is_dot_string(local);
}

char *address_quote(struct arena *arena, const char *internal)
{
    struct str whole = str_c(internal), local, domain;

    if (!address_needs_quotes(internal))
        return arena_strdup(arena, internal);
    address_split(whole, &local, &domain);

    char *quoted = arena_alloc(arena, 2 * local.len + (whole.len - local.len) + 3);
    char *to = quoted;

    *to++ = '"';
    for (size_t i = 0; i < local.len; i++) {
        if (strchr("\"\\\r\n", local.ptr[i]) != NULL)
            *to++ = '\\';
        *to++ = local.ptr[i];
    }
    *to++ = '"';
    memcpy(to, whole.ptr + local.len, whole.len - local.len);
    return quoted;
}

// ---- scanning
// ----------------------------------------------------------------------------

// Position behind the quoted string, comment or literal that starts at `i`; s.len when it
// is not closed.
static size_t skip_quoted(struct str s, size_t i)
{
    for (i++; i < s.len && s.ptr[i] != '"'; i++)
        if (s.ptr[i] == '\\')
            i++;
    return i < s.len ? i + 1 : s.len;
}

static size_t skip_comment(struct str s, size_t i)
{
    int depth = 0;

    for (; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '(')
            depth++;
        else if (s.ptr[i] == ')' && --depth == 0)
            return i + 1;
    }
    return s.len;
}

static size_t skip_literal(struct str s, size_t i)
{
    for (i++; i < s.len && s.ptr[i] != ']'; i++)
        if (s.ptr[i] == '\\')
            i++;
    return i < s.len ? i + 1 : s.len;
}

// Position behind the token at `i`.
static size_t skip_token(struct str s, size_t i)
{
    switch (s.ptr[i]) {
    case '"':
        return skip_quoted(s, i);
    case '(':
        return skip_comment(s, i);
    case '[':
        return skip_literal(s, i);
    case '\\':
        return i + 2 < s.len ? i + 2 : s.len;
    default:
        return i + 1;
    }
}

// Internal form of an address as it stands in a header: comments and white space go, quotes
// and backslashes are resolved. A blank stays between two words (an old-style "John Doe").
static char *resolve_spec(struct arena *arena, struct str s)
{
    char *internal = arena_alloc(arena, s.len + 1);
    char *to = internal;
    bool gap = false, after_word = false;

    for (size_t i = 0; i < s.len;) {
        char c = s.ptr[i];
        size_t next = skip_token(s, i);

        if (ascii_is_space(c) || c == '(') {
            gap = true;
            i = next;
            continue;
        }
        bool is_word = is_atom_char(c) || c == '"' || c == '\\';

        if (gap && after_word && is_word)
            *to++ = ' ';
        gap = false;
        after_word = is_word;
        if (c == '[') {
            memcpy(to, s.ptr + i, next - i);
            to += next - i;
        } else if (c == '"' || c == '\\') {
            size_t end =
                c == '"' && next > i + 1 && s.ptr[next - 1] == '"' ? next - 1 : next;

            for (size_t q = c == '"' ? i + 1 : i; q < end; q++) {
                if (s.ptr[q] == '\\' && q + 1 < end)
                    q++;
                *to++ = s.ptr[q];
            }
        } else {
            *to++ = c;
        }
        i = next;
    }
    *to = 0;
    return internal;
}

char *address_unquote(struct arena *arena, struct str external)
{
    return resolve_spec(arena, external);
}

// Takes a source route ("@a,@b:") off. RFC 5321 appendix C.
static struct str skip_route(struct str s)
{
    if (s.len == 0 || s.ptr[0] != '@')
        return s;
    for (size_t i = 0; i < s.len; i = skip_token(s, i))
        if (s.ptr[i] == ':')
            return str_from(s, i + 1);
    return s;
}

// ---- SMTP paths
// --------------------------------------------------------------------------

// No control bytes, and nothing unquoted that an address cannot contain.
static bool is_sound_spec(struct str s, bool strict)
{
    for (size_t i = 0; i < s.len;) {
        size_t next = skip_token(s, i);
        bool closed = true;

        for (size_t k = i; k < next; k++)
            if ((unsigned char)s.ptr[k] < ' ' || s.ptr[k] == 0x7f)
                return false;
        switch (s.ptr[i]) {
        case '"':
            closed = next > i + 1 && s.ptr[next - 1] == '"';
            break;
        case '[':
            closed = next > i + 1 && s.ptr[next - 1] == ']';
            break;
        case '(':
            closed = !strict && next > i + 1 && s.ptr[next - 1] == ')';
            break;
        case '\\':
            closed = next == i + 2;
            break;
        case '@':
        case '.':
            break;
        default:
            closed = is_atom_char(s.ptr[i]);
        }
        if (!closed)
            return false;
        i = next;
    }
    return true;
}

// End of the path's text: the '>' that closes it, or (without brackets) white space.
static size_t path_end(struct str s, bool in_brackets)
{
    size_t i = 0;

    while (i < s.len) {
        if (in_brackets ? s.ptr[i] == '>' : ascii_is_space(s.ptr[i]))
            return i;
        i = skip_token(s, i);
    }
    return s.len;
}

bool smtp_path_parse(struct arena *arena, struct str text, bool strict,
                     const char **address, struct str *rest)
{
    if (!strict)
        text = str_trim_left(text);
    bool in_brackets = text.len > 0 && text.ptr[0] == '<';

    if (!in_brackets && (strict || text.len == 0))
        return false;
    struct str s = str_from(text, in_brackets ? 1 : 0);
    size_t end = path_end(s, in_brackets);

    if (in_brackets && end == s.len)
        return false;
    struct str after = str_from(s, end + (in_brackets ? 1 : 0));

    // Options are set off by a blank.
    if (after.len > 0 && !ascii_is_space(after.ptr[0]))
        return false;
    struct str spec = str_sub(s, 0, end);

    if (!strict)
        spec = str_trim(spec);
    spec = skip_route(spec);
    if (!is_sound_spec(spec, strict))
        return false;
    *address = resolve_spec(arena, spec);
    *rest = after;
    return true;
}

// ---- header fields
// -----------------------------------------------------------------------

struct header_scan {
    struct arena *arena;
    struct str value;
    struct header_addr_list *list;
    size_t size, max;
    size_t first, last; // the words seen since the last separator: [first, last)
    bool had_angle;     // <...> was seen since then
};

static void emit(struct header_scan *h, size_t start, size_t end)
{
    struct header_addr_list *list = h->list;

    if (list->len == h->max)
        return;
    if (list->len == h->size) {
        size_t size = h->size == 0 ? 4 : h->size * 2;
        struct header_addr *grown = arena_array(h->arena, size, sizeof(*grown));

        if (list->len > 0)
            memcpy(grown, list->items, list->len * sizeof(*grown));
        list->items = grown;
        h->size = size;
    }
    struct str spec = str_sub(h->value, start, end - start);

    list->items[list->len++] = (struct header_addr){
        .address = resolve_spec(h->arena, spec), .start = start, .len = end - start};
}

static void forget_words(struct header_scan *h)
{
    h->first = SIZE_MAX;
    h->last = 0;
    h->had_angle = false;
}

// A comma, a semicolon or the end: words without <...> were an address by themselves.
static void end_mailbox(struct header_scan *h)
{
    if (!h->had_angle && h->first != SIZE_MAX)
        emit(h, h->first, h->last);
    forget_words(h);
}

// `i` is at '<'. Emits what is inside; the position behind the '>'.
static size_t take_angle(struct header_scan *h, size_t i)
{
    size_t end = i + 1;

    while (end < h->value.len && h->value.ptr[end] != '>')
        end = skip_token(h->value, end);
    if (end > h->value.len)
        end = h->value.len;

    struct str inside = str_sub(h->value, i + 1, end - i - 1);
    struct str spec = str_trim(skip_route(str_trim(inside)));
    size_t start = spec.len == 0 ? i + 1 : (size_t)(spec.ptr - h->value.ptr);

    emit(h, start, start + spec.len);
    h->had_angle = true;
    return end < h->value.len ? end + 1 : end;
}

void header_addrs_parse(struct arena *arena, struct str value, size_t max,
                        struct header_addr_list *list)
{
    struct header_scan h = {.arena = arena, .value = value, .list = list, .max = max};

    *list = (struct header_addr_list){0};
    forget_words(&h);
    for (size_t i = 0; i < value.len && list->len < max;) {
        char c = value.ptr[i];
        size_t next = skip_token(value, i);

        if (c == '<') {
            next = take_angle(&h, i);
        } else if (c == ',' || c == ';') {
            end_mailbox(&h);
        } else if (c == ':') {
            forget_words(&h); // what stood before was the name of a group
        } else if (!ascii_is_space(c) && c != '(') {
            if (h.first == SIZE_MAX)
                h.first = i;
            h.last = next;
        }
        i = next;
    }
    end_mailbox(&h);
}
