// service_socket: taking clients from the sockets that master opened.
#include "service/service_impl.h"
#include "util/log.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PASS_WAIT_MS = 5000 };

bool service_life_ended(const struct service *svc)
{
    struct pollfd life = {.fd = LIFE_FD, .events = POLLIN};

    (void)svc;
    return poll(&life, 1, 0) > 0;
}

// Also runs in a signal handler: only close(2).
void service_close_listen(struct service *svc)
{
    for (size_t i = 0; i < svc->listen_len; i++) {
        if (svc->listen_fds[i] >= 0)
            close(svc->listen_fds[i]);
        svc->listen_fds[i] = -1;
    }
}

void service_set_state(struct service *svc, enum board_state state)
{
    if (svc->board != NULL)
        board_set(svc->board, svc->slot, state);
}

bool service_is_pass(const struct service *svc)
{
    return strcmp(svc->opt.transport, "pass") == 0;
}

// The connection that comes over a "pass" socket; what else the sender tells is not used.
static int receive_passed(int fd)
{
    char bytes[4096];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {bytes, sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int passed = -1;

    if (poll(&readable, 1, PASS_WAIT_MS) <= 0 || recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) < 0)
        return -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
    if (header != NULL && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&passed, CMSG_DATA(header), sizeof(passed));
    return passed;
}

// Errors of the one client, who gave up while waiting; anything else is ours.
static bool is_client_error(int code)
{
    static const int codes[] = {EAGAIN,     EWOULDBLOCK,  EINTR,       ECONNABORTED,
                                EPROTO,     ENETDOWN,     ENOPROTOOPT, EHOSTDOWN,
                                ENONET,     EHOSTUNREACH, EOPNOTSUPP,  ENETUNREACH,
                                ECONNRESET, ETIMEDOUT};

    for (size_t i = 0; i < COUNT(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

int service_accept(struct service *svc, size_t i, int flags)
{
    if (svc->listen_fds[i] < 0)
        return -1;
    int fd = accept4(svc->listen_fds[i], NULL, NULL, SOCK_CLOEXEC | flags);

    if (fd < 0 && !is_client_error(errno))
        log_fatal("accept connection: %m");
    if (fd < 0 || !service_is_pass(svc))
        return fd;
    int passed = receive_passed(fd);
    close(fd);
    return passed;
}
