// trigger: waking a daemon by a few bytes on its socket.
#include "ipc/trigger.h"
#include "ipc/unix_socket.h"
#include "util/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// Writes it all, waiting for room until the deadline. False with errno.
static bool write_before(int fd, struct str data, int64_t deadline)
{
    while (data.len > 0) {
        ssize_t sent = send(fd, data.ptr, data.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno == ENOTSOCK)
            sent = write(fd, data.ptr, data.len); // the FIFO
        if (sent > 0) {
            data = str_from(data, (size_t)sent);
            continue;
        }
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            return false;
        int64_t left = deadline - clock_ms();
        struct pollfd p = {.fd = fd, .events = POLLOUT};

        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            errno = ETIMEDOUT;
            return false;
        }
    }
    return true;
}

// A master.cf service of type fifo is woken through a FIFO.
static int open_fifo(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISFIFO(st.st_mode))
        return -1;
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

bool trigger_send(const char *path, struct str request, int timeout_ms, struct error *err)
{
    int64_t deadline = clock_ms() + timeout_ms;
    int fd = unix_socket_connect(path, timeout_ms, err);

    if (fd < 0)
        fd = open_fifo(path);
    if (fd < 0)
        return false; // with the reason why the socket did not work
    bool sent = write_before(fd, request, deadline);

    if (!sent)
        error_temp(err, "4.3.0", "write to %s: %m", path);
    close(fd);
    return sent;
}
