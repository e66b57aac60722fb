// test_message: frames survive the round trip; damaged ones are refused.
#include "unit.h"
#include "ipc/message.h"
#include <string.h>

struct pet {
    const char *name;
    int64_t age;
};
static const struct field pet_fields[] = {
    FIELD_ROW_TEXT(struct pet, name),
    FIELD_ROW_INT(struct pet, age),
    FIELD_END,
};
static const struct message_kind pet_kind = {
    .name = "pet", .size = sizeof(struct pet), .fields = pet_fields};

struct owner {
    bool at_home;
    int64_t number;
    const char *name;
    struct str data;
    const struct pet *pets;
    size_t pets_len;
};
static const struct field owner_fields[] = {
    FIELD_ROW_BOOL(struct owner, at_home),
    FIELD_ROW_INT(struct owner, number),
    FIELD_ROW_TEXT(struct owner, name),
    FIELD_ROW_BYTES(struct owner, data),
    FIELD_ROW_LIST(struct owner, pets, &pet_kind),
    FIELD_END,
};
static const struct message_kind owner_kind = {
    .name = "owner", .id = 0x1234, .size = sizeof(struct owner), .fields = owner_fields};

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct str encode(const struct owner *o)
{
    struct buf *b = buf_make(arena, 1 << 20);

    assert_true(message_encode(b, &owner_kind, o));
    return buf_view(b);
}

static void round_trip_keeps_every_field(void **state)
{
    static const int64_t numbers[] = {0,         1,         -1,  127,      128,
                                      INT64_MAX, INT64_MIN, -64, 1LL << 40};
    static const struct pet pets[] = {
        {"Rex", 3 },
        {"",    -1},
        {NULL,  0 }
    };

    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct owner in = {.at_home = i & 1,
                           .number = numbers[i],
                           .name = "Ann \xc3\xa9",
                           .data = STR_LIT("a\0b"),
                           .pets = pets,
                           .pets_len = i % 4};
        struct owner out;
        struct error err = {0};
        struct str frame = encode(&in);
        uint32_t len;
        uint16_t id;

        message_get_header(frame.ptr, &len, &id);
        assert_int_equal(len, frame.len - MESSAGE_HEADER_SIZE);
        assert_int_equal(id, 0x1234);
        assert_true(message_decode(arena, str_from(frame, MESSAGE_HEADER_SIZE), &owner_kind,
                                   &out, &err));
        assert_int_equal(out.at_home, in.at_home);
        assert_true(out.number == in.number);
        assert_string_equal(out.name, in.name);
        assert_true(str_equal(out.data, in.data));
        assert_int_equal(out.pets_len, in.pets_len);
        for (size_t p = 0; p < out.pets_len; p++) {
            assert_string_equal(out.pets[p].name, pets[p].name ? pets[p].name : "");
            assert_true(out.pets[p].age == pets[p].age);
        }
    }
}

static void every_cut_frame_is_refused(void **state)
{
    static const struct pet pets[] = {
        {"Rex", 300},
        {"Kit", 2  }
    };
    struct owner in = {
        .name = "Ann", .number = 1000, .data = STR_LIT("xyz"), .pets = pets, .pets_len = 2};
    struct str frame = str_from(encode(&in), MESSAGE_HEADER_SIZE);

    (void)state;
    for (size_t len = 0; len < frame.len; len++) {
        struct owner out = {.name = "untouched"};
        struct error err = {0};

        assert_false(message_decode(arena, str_n(frame.ptr, len), &owner_kind, &out, &err));
        assert_string_equal(out.name, "untouched");
        assert_int_equal(err.kind, ERROR_TEMPORARY);
    }
}

static void damaged_frames_are_refused(void **state)
{
    static const struct {
        const char *why;
        struct str frame;
    } cases[] = {
        {"truth value 2",                  STR_LIT("\2\0\0\0\0\0")                                    },
        {"text without NUL",               STR_LIT("\0\0\1ab\0\0")                                    },
        {"NUL in text",                    STR_LIT("\0\0\2a\0\0\0\0")                                 },
        {"length beyond frame",            STR_LIT("\0\0\0\0\5ab\0")                                  },
        {"huge length",                    STR_LIT("\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0")},
        {"number over 64 bits",
         STR_LIT("\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\2\0\0\0\0")                                  },
        {"list claims more than is there", STR_LIT("\0\0\0\0\0\x7f\0\0\0")                            },
        {"bytes left over",                STR_LIT("\0\0\0\0\0\0x")                                   },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct owner out;

        check_case(cases[i].why,
                   !message_decode(arena, cases[i].frame, &owner_kind, &out, NULL));
    }
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    struct buf *b = buf_make(arena, 40);
    struct owner small = {.name = "x"},
                 big = {.name = "a name that takes more than is left"};

    (void)state;
    assert_true(message_encode(b, &owner_kind, &small));
    size_t len = buf_len(b);
    assert_false(message_encode(b, &owner_kind, &big));
    assert_int_equal(buf_len(b), len);
}

static void prints_names_and_values(void **state)
{
    static const struct pet pets[] = {
        {"Rex", 3}
    };
    struct owner o = {.at_home = true,
                      .number = -5,
                      .name = "Ann",
                      .data = STR_LIT("abc"),
                      .pets = pets,
                      .pets_len = 1};
    struct buf *b = buf_make(arena, 1000);

    (void)state;
    message_print(b, &owner_kind, &o);
    assert_string_equal(buf_text(b), "at_home=yes number=-5 name=Ann data=(3 bytes) "
                                     "pets=[{name=Rex age=3}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(round_trip_keeps_every_field, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut_frame_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_frames_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_buffer_is_left_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(prints_names_and_values, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
