// unix_socket: connecting to a UNIX stream socket within a time limit.
#include "ipc/unix_socket.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// A UNIX socket whose listener is behind does not become writable when there is room again:
// the connect has to block, for as long as the send time-out says.
static bool connect_waiting(int fd, const struct sockaddr_un *sun, int timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000,
                            .tv_usec = timeout_ms % 1000 * 1000};
    int flags = fcntl(fd, F_GETFL);

    if (timeout_ms > 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return false;
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0)
        return true;
    if (errno == EAGAIN)
        errno = ETIMEDOUT;
    return false;
}

int unix_socket_connect(const char *path, int timeout_ms, struct error *err)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(sun.sun_path)) {
        error_temp(err, "4.3.0", "connect to %s: path is too long", path);
        return -1;
    }
    memcpy(sun.sun_path, path, strlen(path) + 1);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        error_temp(err, "4.3.0", "socket: %m");
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0)
        return fd;
    if (errno == EAGAIN && connect_waiting(fd, &sun, timeout_ms))
        return fd;
    error_temp(err, "4.3.0", "connect to %s: %m", path);
    close(fd);
    return -1;
}
