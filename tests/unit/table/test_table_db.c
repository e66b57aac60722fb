// test_table_db: hash and btree files: creating, updating, both NUL forms, readers
// meanwhile.
#include "table_check.h"
#include <sys/stat.h>

static void put(struct table *t, const char *key, const char *value)
{
    struct error err;

    assert_true(table_put(t, str_c(key), str_c(value), &err));
}

static void build(const char *spec, unsigned flags, const char *value)
{
    struct error err = {0};
    struct table *t = table_open(spec, NULL, TABLE_CREATE | TABLE_BULK | flags, &err);

    if (t == NULL)
        fail_msg("%s", err.text);
    put(t, "a", value);
    put(t, "b", "two");
    assert_true(table_commit(t, &err));
    table_close(t);
}

static void both_types_and_nul_forms_are_found(void **state)
{
    static const char *const specs[] = {"hash:t", "btree:t"};
    static const unsigned forms[] = {0, TABLE_WITH_NUL, TABLE_WITHOUT_NUL};

    (void)state;
    for (size_t i = 0; i < COUNT(specs); i++)
        for (size_t j = 0; j < COUNT(forms); j++) {
            unlink("t.db");
            build(specs[i], forms[j], "one");
            assert_string_equal(ask_spec(specs[i], TABLE_FOLD_KEY, "A"), "one");
            assert_string_equal(ask_spec(specs[i], 0, "A"), "-");
            assert_string_equal(ask_spec(specs[i], 0, "b"), "two");
        }
    assert_string_equal(ask_spec("btree:t", TABLE_WITHOUT_NUL, "b"), "two");
    assert_string_equal(ask_spec("hash:t", 0, "b"),
                        "!hash:t is unavailable. open database t.db: Invalid argument");
    assert_string_equal(ask_spec("btree:t", TABLE_WITH_NUL, "b"), "-");
}

static void nothing_is_left_without_commit(void **state)
{
    struct error err;

    (void)state;
    unlink("t.db");
    struct table *t = table_open("hash:t", NULL, TABLE_CREATE, &err);
    put(t, "a", "b");
    table_close(t);
    assert_int_equal(access("t.db", F_OK), -1);
}

static void an_open_reader_sees_the_new_table(void **state)
{
    struct error err;

    (void)state;
    unlink("t.db");
    build("hash:t", 0, "old");
    struct table *reader = table_open("hash:t", NULL, 0, &err);
    assert_string_equal(ask(reader, "a"), "old");
    build("hash:t", 0, "new");
    assert_string_equal(ask(reader, "a"), "new");

    struct table *writer =
        table_open("hash:t", NULL, TABLE_WRITE | TABLE_DUP_REPLACE, &err);
    put(writer, "a", "newer");
    assert_true(table_commit(writer, &err));
    table_close(writer);
    assert_string_equal(ask(reader, "a"), "newer");
    unlink("t.db"); // gone: what was read stays
    assert_string_equal(ask(reader, "a"), "newer");
    table_close(reader);
}

static void the_looks_of_the_old_file_stay(void **state)
{
    struct stat st;

    (void)state;
    build("hash:t", 0, "x");
    assert_int_equal(chmod("t.db", 0640), 0);
    build("hash:t", 0, "y");
    assert_int_equal(stat("t.db", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void duplicates_follow_the_flags(void **state)
{
    static const struct {
        const char *why;
        unsigned flags;
        const char *value, *log;
    } cases[] = {
        {"warn",    TABLE_DUP_WARN,    "one",   "t.db: duplicate entry: \"a\"\n"},
        {"ignore",  TABLE_DUP_IGNORE,  "one",   ""                              },
        {"replace", TABLE_DUP_REPLACE, "again", ""                              },
    };
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        logged[0] = '\0';
        build("hash:t", 0, "one");
        struct table *t = table_open("hash:t", NULL, TABLE_WRITE | cases[i].flags, &err);
        put(t, "a", "again");
        assert_true(table_commit(t, &err));
        table_close(t);
        check_case(cases[i].why, strcmp(ask_spec("hash:t", 0, "a"), cases[i].value) == 0);
        check_case(cases[i].why, strcmp(logged, cases[i].log) == 0);
    }
}

static void entries_are_removed_and_listed(void **state)
{
    struct error err;
    struct str key, value;
    int count = 0;

    (void)state;
    build("btree:t", 0, "one");
    struct table *t = table_open("btree:t", NULL, TABLE_WRITE, &err);
    put(t, "c", "three");
    assert_int_equal(table_delete(t, STR_LIT("a"), &err), TABLE_FOUND);
    assert_int_equal(table_delete(t, STR_LIT("a"), &err), TABLE_NOT_FOUND);
    for (bool first = true; table_next(t, first, arena, &key, &value, &err) == TABLE_FOUND;
         first = false)
        assert_true(str_is(key, count++ == 0 ? "b" : "c"));
    assert_int_equal(count, 2);
    assert_true(table_commit(t, &err));
    table_close(t);
}

static void a_file_that_is_no_table_is_an_error(void **state)
{
    (void)state;
    write_file("u.db", "junk");
    assert_string_equal(ask_spec("hash:u", 0, "a"),
                        "!hash:u is unavailable. open database u.db: Invalid argument");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_types_and_nul_forms_are_found),
        cmocka_unit_test(nothing_is_left_without_commit),
        cmocka_unit_test(an_open_reader_sees_the_new_table),
        cmocka_unit_test(the_looks_of_the_old_file_stay),
        cmocka_unit_test(duplicates_follow_the_flags),
        cmocka_unit_test(entries_are_removed_and_listed),
        cmocka_unit_test(a_file_that_is_no_table_is_an_error),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
