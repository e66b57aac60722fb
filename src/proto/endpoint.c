// endpoint: connecting to "inet:host:port" or "unix:path", as policy servers and filters
// are named.
#include "proto/endpoint.h"
#include "util/clock.h"
#include "util/str.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Connects within `timeout_ms`; false with errno.
static bool connect_within(int fd, const struct sockaddr *addr, socklen_t len,
                           int64_t timeout_ms)
{
    if (connect(fd, addr, len) == 0)
        return true;
    if (errno != EINPROGRESS && errno != EAGAIN)
        return false;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int status = 0, ready;
    socklen_t status_len = sizeof(status);

    do
        ready = poll(&p, 1, timeout_ms < 0 ? 0 : (int)timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        errno = ETIMEDOUT;
    if (ready <= 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &status_len) != 0)
        return false;
    errno = status;
    return status == 0;
}

static int connect_unix(const char *path, int64_t timeout_ms, struct error *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path)) {
        error_temp(err, "4.3.5", "socket path is too long: %s", path);
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 &&
        connect_within(fd, (const struct sockaddr *)&addr, sizeof(addr), timeout_ms))
        return fd;
    error_temp(err, "4.3.5", "connect to %s: %m", path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static int connect_any(const struct addrinfo *list, int64_t end)
{
    for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
        int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0)
            continue;
        if (connect_within(fd, ai->ai_addr, ai->ai_addrlen, end - clock_ms()))
            return fd;
        int saved = errno;

        close(fd);
        errno = saved;
    }
    return -1;
}

// "host:port", "[v6]:port", or ":port" and "port" for the local host.
static int connect_inet(const char *name, int64_t end, struct error *err)
{
    char host[256];
    struct str text = str_c(name), host_part;
    size_t colon = str_rindex(text, ':');
    const char *port = colon == SIZE_MAX ? name : name + colon + 1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;

    host_part = colon == SIZE_MAX ? str_c("") : str_sub(text, 0, colon);
    if (host_part.len >= 2 && host_part.ptr[0] == '[' &&
        host_part.ptr[host_part.len - 1] == ']')
        host_part = str_sub(host_part, 1, host_part.len - 2);
    if (host_part.len == 0)
        host_part = str_c("localhost");
    if (host_part.len >= sizeof(host)) {
        error_temp(err, "4.3.5", "bad endpoint: %s", name);
        return -1;
    }
    snprintf(host, sizeof(host), "%.*s", STR_FMT(host_part));
    int failed = getaddrinfo(host, port, &hints, &list);

    if (failed != 0) {
        error_temp(err, "4.3.5", "look up %s: %s", name, gai_strerror(failed));
        return -1;
    }
    int fd = connect_any(list, end);

    if (fd < 0)
        error_temp(err, "4.3.5", "connect to %s: %m", name);
    freeaddrinfo(list);
    return fd;
}

int endpoint_connect(const char *endpoint, int timeout_seconds, struct error *err)
{
    int64_t timeout_ms = (int64_t)timeout_seconds * 1000;
    struct str text = str_c(endpoint);

    if (str_starts(text, "unix:"))
        return connect_unix(endpoint + 5, timeout_ms, err);
    if (str_starts(text, "local:"))
        return connect_unix(endpoint + 6, timeout_ms, err);
    if (str_starts(text, "inet:"))
        return connect_inet(endpoint + 5, clock_ms() + timeout_ms, err);
    return connect_inet(endpoint, clock_ms() + timeout_ms, err);
}
