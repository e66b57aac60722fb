// test_stream: lines, limits and deadlines over a socket pair.
#include "unit.h"
#include "util/clock.h"
#include "util/stream.h"
#include <sys/socket.h>
#include <unistd.h>

struct pair {
    struct stream *s;
    int peer;
};

static struct pair open_pair(void)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct pair p = {stream_open(fds[0]), fds[1]};
    stream_set_timeout(p.s, 5);
    return p;
}

static void close_pair(struct pair *p)
{
    stream_close(p->s);
    if (p->peer >= 0)
        close(p->peer);
}

static void say(struct pair *p, const char *text)
{
    assert_int_equal(write(p->peer, text, strlen(text)), strlen(text));
}

static void reads_lines(void **state)
{
    struct pair p = open_pair();
    struct str line;

    (void)state;
    say(&p, "one\r\ntwo\n\nrest");
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_OK);
    assert_true(str_is(line, "one\r"));
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_OK);
    assert_true(str_is(line, "two"));
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_OK);
    assert_true(str_is(line, ""));
    close(p.peer);
    p.peer = -1;
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_EOF);
    assert_true(str_is(line, "rest"));
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_EOF);
    assert_true(str_is(line, ""));
    close_pair(&p);
}

static void gives_long_lines_in_parts(void **state)
{
    struct pair p = open_pair();
    struct str line;

    (void)state;
    say(&p, "0123456789abc\nx\n");
    assert_int_equal(stream_read_line(p.s, 10, &line), STREAM_TOO_LONG);
    assert_true(str_is(line, "0123456789"));
    assert_int_equal(stream_read_line(p.s, 10, &line), STREAM_OK);
    assert_true(str_is(line, "abc"));
    assert_true(str_is(stream_peek(p.s), "x\n"));
    stream_drop_input(p.s);
    assert_false(stream_has_input(p.s));
    close_pair(&p);
}

static void keeps_the_deadline(void **state)
{
    struct pair p = open_pair();
    struct str line;
    int64_t begin = clock_ms();

    (void)state;
    say(&p, "no end of line");
    stream_set_deadline(p.s, begin + 50);
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_TIMEOUT);
    assert_true(clock_ms() - begin >= 50);
    assert_true(clock_ms() - begin < 4000);
    close_pair(&p);
}

static void sends_before_it_waits(void **state)
{
    struct pair p = open_pair();
    struct str line;
    char got[64] = "";

    (void)state;
    assert_int_equal(stream_printf(p.s, "%d hello\r\n", 220), STREAM_OK);
    assert_int_equal(stream_unsent(p.s), 11);
    stream_set_deadline(p.s, clock_ms() + 20);
    assert_int_equal(stream_read_line(p.s, 100, &line), STREAM_TIMEOUT);
    assert_int_equal(read(p.peer, got, sizeof(got)), 11);
    assert_string_equal(got, "220 hello\r\n");
    assert_int_equal(stream_unsent(p.s), 0);
    close_pair(&p);
}

static void reads_exactly(void **state)
{
    struct pair p = open_pair();
    char data[5];

    (void)state;
    say(&p, "abcdefg");
    assert_int_equal(stream_read_exact(p.s, data, 5), STREAM_OK);
    assert_memory_equal(data, "abcde", 5);
    close(p.peer);
    p.peer = -1;
    assert_int_equal(stream_read_exact(p.s, data, 5), STREAM_EOF);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_lines),        cmocka_unit_test(gives_long_lines_in_parts),
        cmocka_unit_test(keeps_the_deadline), cmocka_unit_test(sends_before_it_waits),
        cmocka_unit_test(reads_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
