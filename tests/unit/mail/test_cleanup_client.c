// test_cleanup_client: the dialogue with a cleanup(8) that the test plays.
#include "unit.h"
#include "mail/cleanup_client.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/test_cleanup_client.XXXXXX";
static const struct mail_config cfg = {.cleanup_service_name = "cleanup",
                                       .ipc_timeout = {5}};

// What the server saw, for the test to look at once the thread has ended.
static struct {
    int connections, messages, cancels, envelopes;
    size_t content_len;
    bool content_good;
    int64_t end_flags;
    int hang_up_after; // close the connection after so many messages; 0: never
} seen;

// Serves one connection until it ends. Each message's content has to be "0123456789"
// repeated.
static void serve(struct channel *ch)
{
    struct arena *arena = arena_new();
    struct error err;
    uint16_t kind;
    struct str frame;
    bool has_envelope = false;

    while (channel_receive_any(ch, &kind, &frame, &err) == CHANNEL_OK) {
        struct cleanup_began_msg began = {.id = "ABC"};
        struct cleanup_chunk_msg chunk;
        struct cleanup_end_msg end;
        struct cleanup_result result = {.reason = "5.7.1 no"};

        if (kind == cleanup_begin_kind.id) {
            seen.content_len = 0;
            has_envelope = false;
            if (!channel_send(ch, &cleanup_began_kind, &began, &err))
                break;
        } else if (kind == cleanup_envelope_kind.id) {
            has_envelope = true;
            seen.envelopes++;
        } else if (kind == cleanup_chunk_kind.id) {
            if (!has_envelope ||
                !message_decode(arena, frame, &cleanup_chunk_kind, &chunk, &err))
                break;
            for (size_t i = 0; i < chunk.data.len; i++, seen.content_len++)
                if (chunk.data.ptr[i] != (char)('0' + seen.content_len % 10))
                    seen.content_good = false;
        } else if (kind == cleanup_end_kind.id) {
            if (!message_decode(arena, frame, &cleanup_end_kind, &end, &err))
                break;
            seen.end_flags = end.flags;
            result.size = (int64_t)seen.content_len;
            if (!channel_send(ch, &cleanup_result_kind, &result, &err))
                break;
            if (++seen.messages == seen.hang_up_after)
                break;
        } else if (kind == cleanup_cancel_kind.id) {
            seen.cancels++;
        }
    }
    arena_free(arena);
    channel_close(ch);
}

static void *server(void *arg)
{
    int listener = *(int *)arg;

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            return NULL;
        seen.connections++;
        serve(channel_open(fd, 5000));
    }
}

struct fixture {
    int listener;
    pthread_t thread;
    struct arena *arena;
};

static void start(struct fixture *f)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = "public/cleanup"};

    memset(&seen, 0, sizeof(seen));
    seen.content_good = true;
    unlink(sun.sun_path);
    f->arena = arena_new();
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
    assert_int_equal(listen(f->listener, 5), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, server, &f->listener), 0);
}

static void stop(struct fixture *f)
{
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
    arena_free(f->arena);
}

static void send_content(struct cleanup_client *c, size_t len)
{
    struct error err;

    for (size_t sent = 0; sent < len;) {
        char piece[777];
        size_t n = len - sent < sizeof(piece) ? len - sent : sizeof(piece);

        for (size_t i = 0; i < n; i++)
            piece[i] = (char)('0' + (sent + i) % 10);
        assert_true(cleanup_content(c, str_n(piece, n), &err));
        sent += n;
    }
}

static void messages_share_a_connection(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1000000};
    struct cleanup_envelope env = {.sender = "ann"};
    struct fixture f;
    struct error err;
    char id[64];

    (void)state;
    start(&f);
    struct cleanup_client *c = cleanup_client_open(&cfg, &err);
    assert_non_null(c);
    for (size_t i = 0; i < COUNT(sizes) * 2; i++) {
        struct cleanup_result result;
        bool early = i % 2;
        struct cleanup_envelope late = {.flags = CLEANUP_HOLD | CLEANUP_FILTER};

        assert_true(cleanup_begin(c, id, &err));
        assert_string_equal(id, "ABC");
        if (early)
            assert_true(cleanup_send_envelope(c, &env, &err));
        send_content(c, sizes[i / 2]);
        assert_true(cleanup_commit(c, early ? &late : &env, f.arena, &result, &err));
        assert_int_equal(result.size, sizes[i / 2]);
        assert_string_equal(result.reason, "5.7.1 no");
        assert_int_equal(seen.end_flags, early ? CLEANUP_HOLD : 0);
    }
    cleanup_client_close(c);
    stop(&f);
    assert_int_equal(seen.connections, 1);
    assert_int_equal(seen.messages, 12);
    assert_int_equal(seen.envelopes, 12);
    assert_true(seen.content_good);
}

static void a_stale_connection_is_made_anew(void **state)
{
    struct cleanup_envelope env = {.sender = "ann"};
    struct cleanup_result result;
    struct fixture f;
    struct error err;
    char id[64];

    (void)state;
    start(&f);
    seen.hang_up_after = 1;
    struct cleanup_client *c = cleanup_client_open(&cfg, &err);
    for (int i = 0; i < 2; i++) {
        assert_true(cleanup_begin(c, id, &err));
        assert_true(cleanup_commit(c, &env, f.arena, &result, &err));
    }
    cleanup_client_close(c);
    stop(&f);
    assert_int_equal(seen.connections, 2);
    assert_int_equal(seen.messages, 2);
}

static void an_aborted_message_leaves_the_connection_usable(void **state)
{
    struct cleanup_envelope env = {.sender = "ann"};
    struct cleanup_result result;
    struct fixture f;
    struct error err;
    char id[64];

    (void)state;
    start(&f);
    struct cleanup_client *c = cleanup_client_open(&cfg, &err);
    assert_true(cleanup_begin(c, id, &err));
    send_content(c, 100);
    cleanup_abort(c);
    cleanup_abort(c); // nothing begun: nothing happens
    assert_false(cleanup_content(c, STR_LIT("x"), &err));
    assert_true(cleanup_begin(c, id, &err));
    send_content(c, 10);
    assert_true(cleanup_commit(c, &env, f.arena, &result, &err));
    assert_int_equal(result.size, 10);
    cleanup_client_close(c);
    stop(&f);
    assert_int_equal(seen.connections, 1);
    assert_int_equal(seen.cancels, 1);
}

static void no_service_is_a_temporary_error(void **state)
{
    struct error err;

    (void)state;
    unlink("public/cleanup");
    assert_null(cleanup_client_open(&cfg, &err));
    assert_int_equal(err.kind, ERROR_TEMPORARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_share_a_connection),
        cmocka_unit_test(a_stale_connection_is_made_anew),
        cmocka_unit_test(an_aborted_message_leaves_the_connection_usable),
        cmocka_unit_test(no_service_is_a_temporary_error),
    };
    if (mkdtemp(dir) == NULL || chdir(dir) < 0 || mkdir("public", 0700) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir("public");
    rmdir(dir);
    return failed;
}
