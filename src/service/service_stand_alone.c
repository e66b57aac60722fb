// service_stand_alone: one client on standard input and output, as sendmail -bs needs it.
#include "service/service_impl.h"
#include "util/file.h"
#include "util/log.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Copies what there is; false at the end.
static bool copy_some(int from, int to)
{
    char bytes[16384];
    ssize_t got = read(from, bytes, sizeof(bytes));

    return got > 0 && fd_write_all(to, bytes, (size_t)got);
}

// A daemon has one descriptor for its client; terminals and pipes come as two.
static void pump(int in, int out, int peer)
{
    struct pollfd fds[2] = {
        {.fd = in,   .events = POLLIN},
        {.fd = peer, .events = POLLIN}
    };

    for (;;) {
        if (poll(fds, COUNT(fds), -1) < 0)
            continue;
        if (fds[1].revents != 0 && !copy_some(peer, out))
            return;
        if (fds[0].revents != 0 && !copy_some(in, peer)) {
            shutdown(peer, SHUT_WR);
            fds[0].fd = -1;
        }
    }
}

static bool is_one_socket(void)
{
    struct stat in, out;

    return fstat(STDIN_FILENO, &in) == 0 && fstat(STDOUT_FILENO, &out) == 0 &&
           S_ISSOCK(in.st_mode) && in.st_ino == out.st_ino && in.st_dev == out.st_dev;
}

void service_serve_stand_alone(struct service *svc)
{
    int pair[2];

    if (is_one_socket()) {
        svc->spec->on_client(svc, dup(STDIN_FILENO));
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        log_fatal("socketpair: %m");
    pid_t pid = fork();
    if (pid < 0)
        log_fatal("fork: %m");
    if (pid == 0) {
        close(pair[0]);
        pump(STDIN_FILENO, STDOUT_FILENO, pair[1]);
        _exit(0);
    }
    close(pair[1]);
    svc->spec->on_client(svc, pair[0]);
    waitpid(pid, NULL, 0); // the last reply has to be out
}
