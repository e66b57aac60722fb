// test_trigger: bytes reach a listening socket or a FIFO; a missing one is a temporary
// error.
#include "unit.h"
#include "ipc/trigger.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[] = "/tmp/test_trigger.XXXXXX";

static void wakes_a_socket(void **state)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct error err;
    char bytes[8];

    (void)state;
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", dir);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_true(trigger_send(sun.sun_path, STR_LIT("DI"), 1000, &err));
    int peer = accept(listener, NULL, NULL);
    assert_int_equal(read(peer, bytes, sizeof(bytes)), 2);
    assert_memory_equal(bytes, "DI", 2);
    assert_int_equal(read(peer, bytes, sizeof(bytes)), 0);
    close(peer);
    close(listener);
    unlink(sun.sun_path);
}

static void wakes_a_fifo(void **state)
{
    char path[64], byte;
    struct error err;

    (void)state;
    snprintf(path, sizeof(path), "%s/fifo", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(trigger_send(path, STR_LIT("W"), 1000, &err));
    assert_int_equal(read(reader, &byte, 1), 1);
    assert_int_equal(byte, 'W');
    close(reader);
    unlink(path);
}

static void nobody_there_is_temporary(void **state)
{
    struct error err;

    (void)state;
    assert_false(trigger_send("/nonexistent/socket", STR_LIT("W"), 100, &err));
    assert_int_equal(err.kind, ERROR_TEMPORARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wakes_a_socket),
        cmocka_unit_test(wakes_a_fifo),
        cmocka_unit_test(nobody_there_is_temporary),
    };
    if (mkdtemp(dir) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(dir);
    return failed;
}
