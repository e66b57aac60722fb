// test_str: slices of outside bytes.
#include "unit.h"
#include "util/str.h"

static const struct {
    const char *why, *in;
    bool good;
    uint64_t value;
} numbers[] = {
    {"plain",        "42",                   true,  42        },
    {"zero",         "0",                    true,  0         },
    {"largest",      "18446744073709551615", true,  UINT64_MAX},
    {"too large",    "18446744073709551616", false, 0         },
    {"empty",        "",                     false, 0         },
    {"sign",         "-1",                   false, 0         },
    {"blank",        " 1",                   false, 0         },
    {"letters last", "1k",                   false, 0         },
};

static void reads_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++) {
        uint64_t value = 7;
        bool good = str_to_u64(str_c(numbers[i].in), &value);

        check_case(numbers[i].why, good == numbers[i].good);
        check_case(numbers[i].why, value == (good ? numbers[i].value : 7));
    }
    long n;
    assert_true(str_to_long(STR_LIT("-12"), &n) && n == -12);
    assert_false(str_to_long(STR_LIT("9223372036854775808"), &n));
}

static void splits_and_takes(void **state)
{
    struct str rest = STR_LIT("a,,b"), piece;

    (void)state;
    assert_true(str_split(&rest, ',', &piece) && str_is(piece, "a"));
    assert_true(str_split(&rest, ',', &piece) && str_is(piece, ""));
    assert_true(str_split(&rest, ',', &piece) && str_is(piece, "b"));
    assert_false(str_split(&rest, ',', &piece));
    rest = STR_LIT(", a ,b ");
    assert_true(str_take(&rest, ", ", &piece) && str_is(piece, "a"));
    assert_true(str_take(&rest, ", ", &piece) && str_is(piece, "b"));
    assert_false(str_take(&rest, ", ", &piece));
    rest = STR_LIT("one\n\nlast");
    assert_true(str_take_line(&rest, &piece) && str_is(piece, "one"));
    assert_true(str_take_line(&rest, &piece) && str_is(piece, ""));
    assert_true(str_take_line(&rest, &piece) && str_is(piece, "last"));
    assert_false(str_take_line(&rest, &piece));
}

static void compares_and_finds(void **state)
{
    struct str s = STR_LIT("Hello.Example");

    (void)state;
    assert_true(str_is_nocase(s, "hello.example"));
    assert_false(str_is(s, "hello.example"));
    assert_true(str_starts_nocase(s, "HELLO."));
    assert_true(str_ends_nocase(s, ".EXAMPLE"));
    assert_int_equal(str_index(s, 'l'), 2);
    assert_int_equal(str_rindex(s, 'l'), 11);
    assert_true(str_index(s, '@') == SIZE_MAX);
    assert_true(str_is(str_sub(s, 6, 100), "Example"));
    assert_true(str_is(str_from(s, 100), ""));
    assert_true(str_is(str_trim(STR_LIT(" \t x \r\n")), "x"));
    assert_false(str_is_text(str_n("a\0b", 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(splits_and_takes),
        cmocka_unit_test(compares_and_finds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
