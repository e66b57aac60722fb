// test_queue_id: both forms of names, and what must never become a path.
#include "mail/queue_id.h"
#include "unit.h"
#include <string.h>

static void ids_carry_time_and_inode(void **state)
{
    static const struct {
        const char *why;
        struct moment created;
        uint64_t inode;
        bool is_long;
        const char *id;
    } cases[] = {
        {"short",                   {1795438933, 0x5CCCF}, 0xAB64E1, false, "5CCCFAB64E1"  },
        {"short, few microseconds", {1, 7},                1,        false, "000071"       },
        {"long",                    {1795438933, 0},       0,        true,  "4jY5gn0000z0" },
        {"long, small time",        {1, 51},               51,       true,  "000001000zz10"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[QUEUE_ID_SIZE];
        uint64_t inode;

        queue_id_format(id, cases[i].created, cases[i].inode, cases[i].is_long);
        if (strcmp(id, cases[i].id) != 0)
            fail_msg("%s: %s instead of %s", cases[i].why, id, cases[i].id);
        check_case(cases[i].why, queue_id_is_long(id) == cases[i].is_long);
        check_case(cases[i].why, queue_id_inode(id, &inode) && inode == cases[i].inode);
        check_case(cases[i].why, queue_id_is_valid(str_c(id)));
    }
}

static void only_letters_and_digits_are_names(void **state)
{
    static const struct {
        const char *id;
        bool valid;
    } cases[] = {
        {"5CCCFAB64E1",                                                      true },
        {"",                                                                 false},
        {".",                                                                false},
        {"..",                                                               false},
        {"a/b",                                                              false},
        {"a b",                                                              false},
        {"4q4f-1",                                                           false},
        {"1234.5678",                                                        false},
        {"a\n",                                                              false},
        {"\xc3\xa4",                                                         false},
        {"0123456789012345678901234567890123456789012345678901234567890123", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_case(cases[i].id, queue_id_is_valid(str_c(cases[i].id)) == cases[i].valid);
}

static void names_without_inode_are_told(void **state)
{
    static const char *const cases[] = {"", "12345", "GGGGG1", "abcde1",
                                        "12345123456789012345678"};
    uint64_t inode;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check_case(cases[i], !queue_id_inode(cases[i], &inode));
}

static void long_ids_sort_by_microseconds(void **state)
{
    char id[QUEUE_ID_SIZE], hex[6];

    (void)state;
    queue_id_format(id, (struct moment){1795438933, 0x5CCCF}, 42, true);
    assert_true(queue_id_usec_hex(id, hex));
    assert_string_equal(hex, "5CCCF");
    assert_false(queue_id_usec_hex("5CCCFAB64E1", hex));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_carry_time_and_inode),
        cmocka_unit_test(only_letters_and_digits_are_names),
        cmocka_unit_test(names_without_inode_are_told),
        cmocka_unit_test(long_ids_sort_by_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
