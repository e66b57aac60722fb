// test_file: logical lines, whole reads, and replacing a file.
#include "unit.h"
#include "util/buf.h"
#include "util/file.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void joins_continued_lines(void **state)
{
    struct arena *arena = arena_new();
    struct logical_lines lines = {
        .rest = STR_LIT("# head\none\n two\n# inside\n\n\tthree\nfour  \n\nfive")};
    struct str line;
    int number;

    (void)state;
    assert_true(logical_line_next(arena, &lines, &line, &number));
    assert_true(str_is(line, "one two\tthree"));
    assert_int_equal(number, 2);
    assert_true(logical_line_next(arena, &lines, &line, &number));
    assert_true(str_is(line, "four"));
    assert_int_equal(number, 7);
    assert_true(logical_line_next(arena, &lines, &line, &number));
    assert_true(str_is(line, "five"));
    assert_int_equal(number, 9);
    assert_false(logical_line_next(arena, &lines, &line, &number));
    arena_free(arena);
}

static void replaces_atomically_and_keeps_the_mode(void **state)
{
    char folder[] = "/tmp/relais-unit-XXXXXX", path[64];
    struct arena *arena = arena_new();
    struct error err;
    struct str data;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/file", folder);
    assert_true(file_replace(path, STR_LIT("first"), 0640, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(file_replace(path, STR_LIT("second"), 0644, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(file_read_all(arena, path, 6, &data, &err));
    assert_true(str_is(data, "second"));
    assert_false(file_read_all(arena, path, 5, &data, &err));
    assert_false(file_read_all(arena, folder, 5, &data, &err));
    assert_int_equal(err.kind, ERROR_TEMPORARY);
    unlink(path);
    rmdir(folder);
    arena_free(arena);
}

static void buffers_stop_at_their_limit(void **state)
{
    struct buf *b = buf_new(5);

    (void)state;
    assert_true(buf_append_c(b, "abc"));
    assert_false(buf_append_c(b, "def"));
    assert_string_equal(buf_text(b), "abc");
    buf_consume(b, 2);
    assert_true(buf_append_c(b, "defg"));
    assert_string_equal(buf_text(b), "cdefg");
    assert_false(buf_printf(b, "%d", 1));
    buf_cut(b, 1);
    assert_true(buf_printf(b, "%d", 1234));
    assert_string_equal(buf_text(b), "c1234");
    buf_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_continued_lines),
        cmocka_unit_test(replaces_atomically_and_keeps_the_mode),
        cmocka_unit_test(buffers_stop_at_their_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
