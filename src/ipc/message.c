// message: frames of typed fields. Numbers travel as base-128 varints (zigzag, so that
// small negative ones stay short), texts as length, bytes and a NUL: the decoder copies a
// frame once and lets texts point into the copy.
#include "ipc/message.h"
#include <stdint.h>
#include <string.h>

// ---- encoding
// ----------------------------------------------------------------------------

static bool put_varint(struct buf *out, uint64_t value)
{
    char bytes[10];
    size_t len = 0;

    while (value >= 0x80) {
        bytes[len++] = (char)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (char)value;
    return buf_append(out, str_n(bytes, len));
}

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

static bool put_fields(struct buf *out, const struct message_kind *kind, const char *msg);

static bool put_list(struct buf *out, const struct field *f, const char *msg)
{
    const char *items = *(const char *const *)(const void *)(msg + f->offset);
    size_t len = *(const size_t *)(const void *)(msg + f->len_offset);

    if (len > MESSAGE_LIST_MAX || !put_varint(out, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!put_fields(out, f->item, items + i * f->item->size))
            return false;
    return true;
}

static bool put_field(struct buf *out, const struct field *f, const char *msg)
{
    const void *at = msg + f->offset;

    switch (f->kind) {
    case FIELD_BOOL:
        return buf_append_char(out, *(const bool *)at ? 1 : 0);
    case FIELD_INT:
        return put_varint(out, zigzag(*(const int64_t *)at));
    case FIELD_TEXT: {
        struct str text = str_c(*(const char *const *)at);

        return put_varint(out, text.len) && buf_append(out, text) &&
               buf_append_char(out, 0);
    }
    case FIELD_BYTES: {
        struct str bytes = *(const struct str *)at;

        return put_varint(out, bytes.len) && (bytes.len == 0 || buf_append(out, bytes));
    }
    case FIELD_LIST:
        return put_list(out, f, msg);
    }
    return false;
}

static bool put_fields(struct buf *out, const struct message_kind *kind, const char *msg)
{
    for (const struct field *f = kind->fields; f->name != NULL; f++)
        if (!put_field(out, f, msg))
            return false;
    return true;
}

void message_put_header(char header[MESSAGE_HEADER_SIZE], uint32_t len, uint16_t id)
{
    for (int i = 0; i < 4; i++)
        header[i] = (char)(len >> (8 * i));
    header[4] = (char)id;
    header[5] = (char)(id >> 8);
}

void message_get_header(const char header[MESSAGE_HEADER_SIZE], uint32_t *len, uint16_t *id)
{
    const unsigned char *h = (const unsigned char *)header;

    *len =
        (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
    *id = (uint16_t)(h[4] | h[5] << 8);
}

bool message_encode(struct buf *out, const struct message_kind *kind, const void *msg)
{
    char header[MESSAGE_HEADER_SIZE] = {0};
    size_t start = buf_len(out);
    size_t len = 0;

    if (!buf_append(out, str_n(header, sizeof(header))))
        return false;
    bool fits = put_fields(out, kind, msg);
    if (fits) {
        len = buf_len(out) - start - sizeof(header);
        fits = len <= MESSAGE_MAX;
    }
    if (!fits) {
        buf_cut(out, start);
        return false;
    }
    // The view is of our own bytes: the length is known only now.
    message_put_header(header, (uint32_t)len, kind->id);
    memcpy((char *)(uintptr_t)buf_view(out).ptr + start, header, sizeof(header));
    return true;
}

// ---- decoding
// ----------------------------------------------------------------------------

// Where the decoder stands in its copy of the frame. Once `broken`, everything reads as
// zero.
struct cursor {
    struct arena *arena;
    const char *pos, *end;
    const char *broken; // what was wrong; NULL: nothing so far
};

static void fail(struct cursor *c, const char *what)
{
    if (c->broken == NULL)
        c->broken = what;
    c->pos = c->end;
}

static uint64_t get_varint(struct cursor *c)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->pos == c->end) {
            fail(c, "number cut short");
            return 0;
        }
        uint64_t byte = (unsigned char)*c->pos++;

        if (shift == 63 && byte > 1)
            break;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    fail(c, "number too long");
    return 0;
}

static struct str get_bytes(struct cursor *c)
{
    uint64_t len = get_varint(c);

    if (len > (size_t)(c->end - c->pos)) {
        fail(c, "length beyond the frame");
        return str_c("");
    }
    struct str s = str_n(c->pos, (size_t)len);

    c->pos += len;
    return s;
}

static const char *get_text(struct cursor *c)
{
    struct str s = get_bytes(c);

    if (c->broken != NULL || c->pos == c->end || *c->pos != 0) {
        fail(c, "text without its end");
        return "";
    }
    c->pos++;
    if (!str_is_text(s)) {
        fail(c, "NUL inside a text");
        return "";
    }
    return s.ptr;
}

// The fewest bytes that an item takes: bounds what a list's claimed length can make us
// allocate.
static size_t smallest_item(const struct message_kind *kind)
{
    size_t bytes = 0;

    for (const struct field *f = kind->fields; f->name != NULL; f++)
        bytes += f->kind == FIELD_TEXT ? 2 : 1;
    return bytes;
}

static void get_fields(struct cursor *c, const struct message_kind *kind, char *msg);

static void get_list(struct cursor *c, const struct field *f, char *msg)
{
    uint64_t len = get_varint(c);

    if (len > MESSAGE_LIST_MAX ||
        len > (size_t)(c->end - c->pos) / smallest_item(f->item)) {
        fail(c, "list longer than the frame");
        return;
    }
    char *items = arena_array(c->arena, (size_t)len, f->item->size);

    for (size_t i = 0; i < len && c->broken == NULL; i++)
        get_fields(c, f->item, items + i * f->item->size);
    *(const void **)(void *)(msg + f->offset) = items;
    *(size_t *)(void *)(msg + f->len_offset) = (size_t)len;
}

static void get_field(struct cursor *c, const struct field *f, char *msg)
{
    void *at = msg + f->offset;

    switch (f->kind) {
    case FIELD_BOOL: {
        uint64_t value = get_varint(c);

        if (value > 1)
            fail(c, "truth value out of range");
        *(bool *)at = value != 0;
        return;
    }
    case FIELD_INT:
        *(int64_t *)at = unzigzag(get_varint(c));
        return;
    case FIELD_TEXT:
        *(const char **)at = get_text(c);
        return;
    case FIELD_BYTES:
        *(struct str *)at = get_bytes(c);
        return;
    case FIELD_LIST:
        get_list(c, f, msg);
        return;
    }
}

static void get_fields(struct cursor *c, const struct message_kind *kind, char *msg)
{
    for (const struct field *f = kind->fields; f->name != NULL; f++)
        get_field(c, f, msg);
}

bool message_decode(struct arena *arena, struct str frame, const struct message_kind *kind,
                    void *msg, struct error *err)
{
    if (frame.len > MESSAGE_MAX)
        return error_temp(err, "4.3.0", "%s message: %zu bytes are too many", kind->name,
                          frame.len);

    struct str copy = arena_str(arena, frame);
    struct cursor c = {.arena = arena, .pos = copy.ptr, .end = copy.ptr + copy.len};
    char *decoded = arena_alloc(arena, kind->size);

    get_fields(&c, kind, decoded);
    if (c.broken == NULL && c.pos != c.end)
        fail(&c, "bytes left over");
    if (c.broken != NULL)
        return error_temp(err, "4.3.0", "malformed %s message: %s", kind->name, c.broken);
    memcpy(msg, decoded, kind->size);
    return true;
}

// ---- printing
// ----------------------------------------------------------------------------

// A debugging aid: what does not fit is left out.
static void print(struct buf *out, struct str s)
{
    if (!buf_append(out, s))
        return;
}

static void print_fields(struct buf *out, const struct message_kind *kind, const char *msg);

static void print_list(struct buf *out, const struct field *f, const char *msg)
{
    const char *items = *(const char *const *)(const void *)(msg + f->offset);
    size_t len = *(const size_t *)(const void *)(msg + f->len_offset);

    print(out, STR_LIT("["));
    for (size_t i = 0; i < len; i++) {
        print(out, i == 0 ? STR_LIT("{") : STR_LIT(", {"));
        print_fields(out, f->item, items + i * f->item->size);
        print(out, STR_LIT("}"));
    }
    print(out, STR_LIT("]"));
}

static void print_fields(struct buf *out, const struct message_kind *kind, const char *msg)
{
    for (const struct field *f = kind->fields; f->name != NULL; f++) {
        const void *at = msg + f->offset;
        bool fits = buf_printf(out, "%s%s=", f == kind->fields ? "" : " ", f->name);

        if (!fits)
            return;
        switch (f->kind) {
        case FIELD_BOOL:
            print(out, str_c(*(const bool *)at ? "yes" : "no"));
            break;
        case FIELD_INT:
            if (!buf_printf(out, "%lld", (long long)*(const int64_t *)at))
                return;
            break;
        case FIELD_TEXT:
            print(out, str_c(*(const char *const *)at));
            break;
        case FIELD_BYTES:
            if (!buf_printf(out, "(%zu bytes)", ((const struct str *)at)->len))
                return;
            break;
        case FIELD_LIST:
            print_list(out, f, msg);
            break;
        }
    }
}

void message_print(struct buf *out, const struct message_kind *kind, const void *msg)
{
    print_fields(out, kind, msg);
}
