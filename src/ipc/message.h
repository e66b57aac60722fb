// message: typed structs as frames between our own daemons. A table of fields, written once
// for each message kind, encodes, decodes and prints it. The decoder bounds every length.
#pragma once
#include "util/arena.h"
#include "util/buf.h"
#include "util/error.h"

enum field_kind {
    FIELD_BOOL,
    FIELD_INT,   // int64_t
    FIELD_TEXT,  // const char *: no NUL inside; decodes to "" when empty, never NULL
    FIELD_BYTES, // struct str
    FIELD_LIST,  // array of structs: `const T *` followed by `size_t <field>_len`
};

struct message_kind;

struct field {
    enum field_kind kind;
    const char *name;
    size_t offset;
    size_t len_offset;               // FIELD_LIST
    const struct message_kind *item; // FIELD_LIST
};

#define FIELD_OF(S, f, type) _Generic(((S *)0)->f, type : offsetof(S, f))
#define FIELD_ROW_BOOL(S, f)                                                               \
    {                                                                                      \
        .kind = FIELD_BOOL, .name = #f, .offset = FIELD_OF(S, f, bool)                     \
    }
#define FIELD_ROW_INT(S, f)                                                                \
    {                                                                                      \
        .kind = FIELD_INT, .name = #f, .offset = FIELD_OF(S, f, int64_t)                   \
    }
#define FIELD_ROW_TEXT(S, f)                                                               \
    {                                                                                      \
        .kind = FIELD_TEXT, .name = #f, .offset = FIELD_OF(S, f, const char *)             \
    }
#define FIELD_ROW_BYTES(S, f)                                                              \
    {                                                                                      \
        .kind = FIELD_BYTES, .name = #f, .offset = FIELD_OF(S, f, struct str)              \
    }
// The struct has `const T *f; size_t f_len;`.
#define FIELD_ROW_LIST(S, f, item_kind)                                                    \
    {                                                                                      \
        .kind = FIELD_LIST, .name = #f, .offset = offsetof(S, f),                          \
        .len_offset = FIELD_OF(S, f##_len, size_t), .item = (item_kind)                    \
    }
#define FIELD_END                                                                          \
    {                                                                                      \
        .name = NULL                                                                       \
    }

// Who uses which numbers; each .c that declares kinds adds its offset (lists' items need
// none).
enum message_id {
    MESSAGE_ITEM = 0,
    MESSAGE_CLEANUP = 0x100,
    MESSAGE_BOUNCE = 0x200,
    MESSAGE_DELIVERY = 0x300,
    MESSAGE_RESOLVE = 0x400,
    MESSAGE_OTHER = 0x1000, // from here on: a program's own
};

struct message_kind {
    const char *name;
    uint16_t id; // enum message_id; the first thing in a frame
    size_t size; // of the struct
    const struct field *fields;
};

// Limits of one frame.
#define MESSAGE_MAX (64u << 20)
#define MESSAGE_LIST_MAX (1u << 22)

// What stands before each frame: 4 bytes length of what follows the header, 2 bytes kind,
// both little-endian.
#define MESSAGE_HEADER_SIZE 6
void message_put_header(char header[MESSAGE_HEADER_SIZE], uint32_t len, uint16_t id);
void message_get_header(const char header[MESSAGE_HEADER_SIZE], uint32_t *len,
                        uint16_t *id);

// Appends one frame (length, kind, fields in table order) to `out`. False when `out` is
// full. NULL texts are sent as "".
MUST_CHECK bool message_encode(struct buf *out, const struct message_kind *kind,
                               const void *msg);
// `frame` is what stands behind the length and kind. Texts and lists are copied into
// `arena`;
// `*msg` is changed only when all of it was good.
MUST_CHECK bool message_decode(struct arena *arena, struct str frame,
                               const struct message_kind *kind, void *msg,
                               struct error *err);
// "name=value name=value", for the debug log and tests.
void message_print(struct buf *out, const struct message_kind *kind, const void *msg);
