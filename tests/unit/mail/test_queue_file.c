// test_queue_file: what is written reads back; damaged files are told from unfinished ones.
#include "unit.h"
#include "mail/queue_file.h"
#include "util/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void put(struct queue_writer *w, int type, const char *payload)
{
    struct error err;

    assert_true(queue_writer_put(w, type, str_c(payload), &err));
}

// A message as cleanup writes it, `rcpts` recipients r0, r1, ...
static int write_message(size_t rcpts)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    struct queue_writer *w = queue_writer_open(fd, arena);
    char text[200];
    struct error err;

    snprintf(text, sizeof(text), "%15d %15d %15d %15d %15d %15d", 0, 0, 0, 0, 0, 0);
    put(w, REC_SIZE, text);
    put(w, REC_TIME, "1795438933 123456");
    put(w, REC_ATTR, "create_time=1795438934");
    put(w, REC_ATTR, "log_ident=ABC");
    put(w, REC_ATTR, "rewrite_context=local");
    put(w, REC_ATTR, "envelope_id=env=1");
    put(w, REC_ATTR, "ret_flags=2");
    put(w, REC_FROM, "ann@a.example");
    put(w, REC_ATTR, "log_client_name=c.example");
    for (size_t i = 0; i < rcpts; i++) {
        put(w, REC_ATTR, "notify_flags=6");
        put(w, REC_ATTR, "dsn_orig_rcpt=rfc822;x@b.example");
        snprintf(text, sizeof(text), "orig%zu@b.example", i);
        put(w, REC_ORIG_RCPT, text);
        snprintf(text, sizeof(text), "r%zu@b.example", i);
        put(w, REC_RCPT, text);
    }
    snprintf(text, sizeof(text), "%15d", 1795442533);
    put(w, REC_WARN, text);
    put(w, REC_POINTER, "              0");
    put(w, REC_MESSAGE, "");
    int64_t data_offset = queue_writer_offset(w);
    put(w, REC_LINE, "Subject: x");
    put(w, REC_LINE, "");
    put(w, REC_CONTINUED, "long ");
    put(w, REC_LINE, "line");
    int64_t data_end = queue_writer_offset(w);
    put(w, REC_EXTRACTED, "");
    put(w, REC_FILTER, "smtp:[127.0.0.1]:10025");
    put(w, REC_RCPT, "extra@b.example");
    put(w, REC_END, "");

    struct buf *size = buf_make(arena, 200);
    assert_true(record_printf(size, REC_SIZE, "%15ld %15ld %15ld %15ld %15ld %15ld",
                              (long)(data_end - data_offset), (long)data_offset,
                              (long)rcpts + 1, 1L, 22L, 0L));
    assert_true(queue_writer_patch(w, 0, buf_view(size), &err));
    assert_true(queue_writer_commit(w, true, &err));
    return fd;
}

static void the_envelope_reads_back(void **state)
{
    int fd = write_message(2);
    struct queue_file qf = {.id = "ABC"};
    struct error err;
    struct stat st;

    (void)state;
    assert_true(queue_file_read(arena, fd, 100, &qf, &err));
    assert_string_equal(qf.id, "ABC");
    assert_int_equal(qf.arrival.sec, 1795438933);
    assert_int_equal(qf.arrival.usec, 123456);
    assert_int_equal(qf.create_time, 1795438934);
    assert_string_equal(qf.sender, "ann@a.example");
    assert_string_equal(qf.log_ident, "ABC");
    assert_string_equal(qf.rewrite_context, "local");
    assert_string_equal(qf.envelope_id, "env=1");
    assert_string_equal(qf.filter, "smtp:[127.0.0.1]:10025");
    assert_string_equal(queue_file_attr(&qf, "log_client_name"), "c.example");
    assert_string_equal(queue_file_attr(&qf, "sasl_method"), "");
    assert_int_equal(qf.dsn_ret, DSN_RET_HDRS);
    assert_int_equal(qf.rcpt_count, 3);
    assert_int_equal(qf.message_length, 22);
    assert_int_equal(qf.warn_time, 1795442533);
    assert_int_equal(qf.rcpts_len, 3);
    assert_false(qf.has_more_rcpts);
    assert_string_equal(qf.rcpts[1].address, "r1@b.example");
    assert_string_equal(qf.rcpts[1].orig, "orig1@b.example");
    assert_string_equal(qf.rcpts[1].dsn_orcpt, "rfc822;x@b.example");
    assert_int_equal(qf.rcpts[1].dsn_notify, 6);
    assert_string_equal(qf.rcpts[2].address, "extra@b.example");
    assert_string_equal(qf.rcpts[2].orig, "");
    assert_int_equal(qf.rcpts[2].dsn_notify, 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    // The content, line by line.
    struct content_reader *c = content_open(fd, qf.data_offset, arena);
    struct str text;
    bool ends;
    err.kind = ERROR_NONE;
    assert_true(content_next(c, &text, &ends, &err) && ends && str_is(text, "Subject: x"));
    assert_true(content_next(c, &text, &ends, &err) && ends && text.len == 0);
    assert_true(content_next(c, &text, &ends, &err) && !ends && str_is(text, "long "));
    assert_true(content_next(c, &text, &ends, &err) && ends && str_is(text, "line"));
    assert_false(content_next(c, &text, &ends, &err));
    assert_int_equal(err.kind, ERROR_NONE);

    assert_true(queue_file_clear_warning(fd, &qf, &err));
    assert_true(queue_file_read(arena, fd, 100, &qf, &err));
    assert_int_equal(qf.warn_time, 0);
    close(fd);
}

static void recipients_come_in_portions(void **state)
{
    size_t seen = 0;
    int fd = write_message(10);
    struct queue_file qf = {0};
    struct error err;

    (void)state;
    assert_true(queue_file_read(arena, fd, 3, &qf, &err));
    // A recipient between the portions is done in the meantime.
    for (;;) {
        for (size_t i = 0; i < qf.rcpts_len; i++, seen++) {
            char expected[40];

            snprintf(expected, sizeof(expected),
                     seen < 10 ? "r%zu@b.example" : "extra@b.example", seen);
            assert_string_equal(qf.rcpts[i].address, expected);
            assert_int_equal(qf.rcpts[i].dsn_notify, seen < 10 ? 6 : 0);
            assert_true(queue_file_mark_done(fd, qf.rcpts[i].offset, &err));
            assert_true(queue_file_mark_done(fd, qf.rcpts[i].offset, &err)); // again: fine
            assert_false(queue_file_mark_done(fd, qf.rcpts[i].offset + 1, &err));
        }
        if (!qf.has_more_rcpts)
            break;
        assert_true(queue_file_read_more(arena, fd, 3, &qf, &err));
    }
    assert_int_equal(seen, 11);
    assert_string_equal(qf.sender, "ann@a.example");
    assert_true(queue_file_read(arena, fd, 100, &qf, &err));
    assert_int_equal(qf.rcpts_len, 0);
    close(fd);
}

static void pointers_are_followed_but_not_in_circles(void **state)
{
    static const struct {
        const char *why, *first, *second;
        bool good;
        const char *rcpt;
    } cases[] = {
  // Offsets: S at 0 (3 bytes), p at 3 (17 bytes), R old at 20 (5), p at 25, E at 42,
  // heap: R new at 44 (5), p at 49.
        {"placeholders",   "              0", "             25", true,  "old"},
        {"replaced",       "             44", "             25", true,  "new"},
        {"circle",         "             44", "              3", false, NULL },
        {"itself",         "              3", "              0", false, NULL },
        {"behind the end", "           5000", "              0", false, NULL },
        {"no number",      "            x44", "              0", false, NULL },
        {"negative",       "            -44", "              0", false, NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fd = memfd_create("message", MFD_CLOEXEC);
        struct queue_writer *w = queue_writer_open(fd, arena);
        struct queue_file qf = {0};
        struct error err;

        put(w, REC_FROM, "s");
        put(w, REC_POINTER, cases[i].first);
        put(w, REC_RCPT, "old");
        put(w, REC_POINTER, "              0");
        put(w, REC_END, "");
        put(w, REC_RCPT, "new");
        put(w, REC_POINTER, cases[i].second);
        assert_true(queue_writer_commit(w, false, &err));
        bool good = queue_file_read(arena, fd, 100, &qf, &err);
        check_case(cases[i].why, good == cases[i].good);
        check_case(cases[i].why, good || err.kind == ERROR_PERMANENT);
        if (good)
            check_case(cases[i].why, qf.rcpts_len == 1 &&
                                         strcmp(qf.rcpts[0].address, cases[i].rcpt) == 0);
        close(fd);
    }
}

static void damage_is_permanent_and_unfinished_is_not(void **state)
{
    int whole = write_message(2);
    struct stat st;
    struct error err;
    char *bytes;

    (void)state;
    assert_int_equal(fstat(whole, &st), 0);
    bytes = arena_alloc(arena, (size_t)st.st_size);
    assert_int_equal(fd_pread_full(whole, bytes, (size_t)st.st_size, 0), st.st_size);
    for (size_t len = 0; len < (size_t)st.st_size; len++) {
        struct queue_file qf = {0};
        int fd = memfd_create("message", MFD_CLOEXEC);

        assert_true(fd_write_all(fd, bytes, len));
        assert_int_equal(fchmod(fd, 0600), 0);
        assert_false(queue_file_read(arena, fd, 100, &qf, &err));
        assert_int_equal(err.kind, ERROR_TEMPORARY);
        assert_int_equal(fchmod(fd, 0700), 0);
        assert_false(queue_file_read(arena, fd, 100, &qf, &err));
        assert_int_equal(err.kind, ERROR_PERMANENT);
        close(fd);
    }
    close(whole);
}

static void a_file_without_size_reads_its_content_first(void **state)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    struct queue_writer *w = queue_writer_open(fd, arena);
    struct queue_file qf = {0};
    struct error err;

    (void)state;
    put(w, REC_TIME, "1795438933 1");
    put(w, REC_FULL_NAME, "Ann");
    put(w, REC_FROM, "ann");
    put(w, REC_MESSAGE, "");
    put(w, REC_LINE, "Subject: y");
    put(w, REC_EXTRACTED, "");
    put(w, REC_RCPT, "bob");
    put(w, REC_END, "");
    assert_true(queue_writer_commit(w, false, &err));
    assert_true(queue_file_read(arena, fd, 100, &qf, &err));
    assert_string_equal(qf.full_name, "Ann");
    assert_int_equal(qf.message_length, 11);
    assert_int_equal(qf.rcpts_len, 1);
    close(fd);
}

static void large_records_and_files_pass(void **state)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    struct queue_writer *w = queue_writer_open(fd, arena);
    size_t len = 300000;
    char *big = arena_alloc(arena, len);
    struct error err;
    struct record rec;

    (void)state;
    memset(big, 'x', len);
    put(w, REC_FROM, "s");
    for (int i = 0; i < 5; i++)
        assert_true(queue_writer_put(w, REC_LINE, str_n(big, len - (size_t)i), &err));
    // Already in the file and still in the buffer.
    assert_true(queue_writer_patch(w, 2, STR_LIT("t"), &err));
    put(w, REC_END, "zz");
    assert_true(queue_writer_patch(w, queue_writer_offset(w) - 1, STR_LIT("y"), &err));
    assert_true(queue_writer_commit(w, false, &err));

    struct record_reader *r = record_reader_open(fd, arena);
    assert_int_equal(record_next(r, &rec, &err), RECORD_OK);
    assert_true(str_is(rec.payload, "t"));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(record_next(r, &rec, &err), RECORD_OK);
        assert_int_equal(rec.payload.len, len - (size_t)i);
        assert_int_equal(rec.payload.ptr[rec.payload.len - 1], 'x');
    }
    assert_int_equal(record_next(r, &rec, &err), RECORD_OK);
    assert_true(str_is(rec.payload, "zy"));
    assert_int_equal(record_next(r, &rec, &err), RECORD_END_OF_FILE);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_envelope_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(recipients_come_in_portions, setup, teardown),
        cmocka_unit_test_setup_teardown(pointers_are_followed_but_not_in_circles, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damage_is_permanent_and_unfinished_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_without_size_reads_its_content_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(large_records_and_files_pass, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
