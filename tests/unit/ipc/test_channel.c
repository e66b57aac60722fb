// test_channel: frames and descriptors over a socket pair.
#include "unit.h"
#include "ipc/channel.h"
#include "util/file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct note {
    struct str text;
};
static const struct field note_fields[] = {FIELD_ROW_BYTES(struct note, text), FIELD_END};
static const struct message_kind note_kind = {
    .name = "note", .id = 7, .size = sizeof(struct note), .fields = note_fields};
static const struct message_kind other_kind = {
    .name = "other", .id = 8, .size = sizeof(struct note), .fields = note_fields};

struct pair {
    int raw; // the second socket, when a test talks to it without a channel
    struct channel *a, *b;
    struct arena *arena;
};

static void pair_open(struct pair *p, bool second_is_raw)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    p->a = channel_open(fds[0], 2000);
    p->b = second_is_raw ? NULL : channel_open(fds[1], 2000);
    p->raw = fds[1];
    p->arena = arena_new();
}

static void pair_close(struct pair *p)
{
    channel_close(p->a);
    channel_close(p->b);
    arena_free(p->arena);
}

static void frames_arrive_in_order(void **state)
{
    struct pair p;
    struct note in = {STR_LIT("one")}, out;
    struct error err;

    (void)state;
    pair_open(&p, false);
    assert_false(channel_has_input(p.b));
    assert_true(channel_put(p.a, &note_kind, &in, &err));
    in.text = STR_LIT("two");
    assert_true(channel_send(p.a, &note_kind, &in, &err));
    assert_true(channel_has_input(p.b));
    assert_int_equal(channel_receive(p.b, p.arena, &note_kind, &out, &err), CHANNEL_OK);
    assert_true(str_is(out.text, "one"));
    assert_true(channel_has_input(p.b));
    assert_int_equal(channel_receive(p.b, p.arena, &note_kind, &out, &err), CHANNEL_OK);
    assert_true(str_is(out.text, "two"));
    assert_false(channel_has_input(p.b));
    assert_false(channel_is_stale(p.b));
    channel_close(p.a);
    p.a = NULL;
    assert_true(channel_is_stale(p.b));
    assert_int_equal(channel_receive(p.b, p.arena, &note_kind, &out, &err), CHANNEL_CLOSED);
    pair_close(&p);
}

static void a_frame_larger_than_the_socket_passes(void **state)
{
    struct pair p;
    struct error err;
    size_t len = 5u << 20;

    (void)state;
    pair_open(&p, false);
    char *big = arena_alloc(p.arena, len);
    for (size_t i = 0; i < len; i++)
        big[i] = (char)(i * 7);
    struct note in = {str_n(big, len)}, out;
    size_t unsent = 1;
    uint16_t id;
    struct str frame;
    enum channel_result got = CHANNEL_AGAIN;

    assert_true(channel_put(p.a, &note_kind, &in, &err));
    for (int i = 0; i < 100000 && got == CHANNEL_AGAIN; i++) {
        assert_true(channel_try_flush(p.a, &unsent, &err));
        got = channel_try_receive(p.b, &id, &frame, &err);
    }
    assert_int_equal(got, CHANNEL_OK);
    assert_int_equal(unsent, 0);
    assert_int_equal(id, 7);
    assert_true(message_decode(p.arena, frame, &note_kind, &out, &err));
    assert_true(str_equal(in.text, out.text));
    pair_close(&p);
}

static void descriptors_ride_along(void **state)
{
    struct pair p;
    struct note in = {STR_LIT("look")}, out;
    struct error err;
    int pipe_fds[2];
    char byte = 'x';

    (void)state;
    pair_open(&p, false);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_true(channel_put(p.a, &note_kind, &in, &err));
    assert_true(channel_put_fd(p.a, pipe_fds[1], &err));
    close(pipe_fds[1]);
    assert_true(channel_flush(p.a, &err));
    assert_int_equal(channel_take_fd(p.b), -1);
    assert_int_equal(channel_receive(p.b, p.arena, &note_kind, &out, &err), CHANNEL_OK);
    int fd = channel_take_fd(p.b);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fd_write_all(fd, &byte, 1));
    close(fd);
    assert_int_equal(channel_take_fd(p.b), -1);
    byte = 0;
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0); // nobody else holds the other end
    close(pipe_fds[0]);
    pair_close(&p);
}

static void descriptors_nobody_took_are_closed(void **state)
{
    struct pair p;
    struct note in = {STR_LIT("look")}, out;
    struct error err;
    int pipe_fds[2];
    char byte;

    (void)state;
    pair_open(&p, false);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    assert_true(channel_put(p.a, &note_kind, &in, &err));
    assert_true(channel_put_fd(p.a, pipe_fds[1], &err));
    close(pipe_fds[1]);
    assert_true(channel_flush(p.a, &err));
    assert_int_equal(channel_receive(p.b, p.arena, &note_kind, &out, &err), CHANNEL_OK);
    pair_close(&p);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0);
    close(pipe_fds[0]);
}

static void wrong_kind_and_broken_frames_fail(void **state)
{
    static const struct {
        const char *why;
        struct str bytes;
        enum channel_result expected;
    } cases[] = {
        {"nothing",          STR_LIT(""),                 CHANNEL_CLOSED},
        {"part of a header", STR_LIT("\1\0\0"),           CHANNEL_FAILED},
        {"part of a frame",  STR_LIT("\5\0\0\0\7\0ab"),   CHANNEL_FAILED},
        {"too long a frame", STR_LIT("\0\0\0\x7f\7\0ab"), CHANNEL_FAILED},
        {"another kind",     STR_LIT("\1\0\0\0\x09\0\0"), CHANNEL_FAILED},
        {"bad body",         STR_LIT("\1\0\0\0\7\0\5"),   CHANNEL_FAILED},
        {"good",             STR_LIT("\1\0\0\0\7\0\0"),   CHANNEL_OK    },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair p;
        struct note out;
        struct error err;

        pair_open(&p, true);
        assert_true(fd_write_all(p.raw, cases[i].bytes.ptr, cases[i].bytes.len));
        close(p.raw);
        enum channel_result got = channel_receive(p.a, p.arena, &note_kind, &out, &err);
        check_case(cases[i].why, got == cases[i].expected);
        pair_close(&p);
    }
}

static void a_silent_peer_times_out(void **state)
{
    int fds[2];
    struct note out;
    struct error err;
    struct arena *arena = arena_new();

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct channel *ch = channel_open(fds[0], 20);
    assert_int_equal(channel_receive(ch, arena, &note_kind, &out, &err), CHANNEL_FAILED);
    assert_non_null(strstr(err.text, strerror(ETIMEDOUT)));
    channel_close(ch);
    close(fds[1]);
    arena_free(arena);
}

static void a_vanished_peer_is_an_error_not_a_signal(void **state)
{
    struct pair p;
    struct note in = {STR_LIT("anyone?")};
    struct error err;

    (void)state;
    pair_open(&p, true);
    close(p.raw);
    assert_false(channel_send(p.a, &other_kind, &in, &err));
    pair_close(&p);
    assert_null(channel_connect("/nonexistent/socket", 100, &err));
    assert_int_equal(err.kind, ERROR_TEMPORARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_in_order),
        cmocka_unit_test(a_frame_larger_than_the_socket_passes),
        cmocka_unit_test(descriptors_ride_along),
        cmocka_unit_test(descriptors_nobody_took_are_closed),
        cmocka_unit_test(wrong_kind_and_broken_frames_fail),
        cmocka_unit_test(a_silent_peer_times_out),
        cmocka_unit_test(a_vanished_peer_is_an_error_not_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
