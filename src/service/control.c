// control: what master and a template say to each other.
#include "service/control.h"
#include <errno.h>
#include <sys/socket.h>

bool control_send(int fd, const struct control_msg *msg)
{
    for (;;) {
        ssize_t sent = send(fd, msg, sizeof(*msg), MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0 || errno != EINTR)
            return sent == (ssize_t)sizeof(*msg);
    }
}

enum control_result control_receive(int fd, struct control_msg *msg)
{
    for (;;) {
        ssize_t got = recv(fd, msg, sizeof(*msg), MSG_DONTWAIT);

        if (got == (ssize_t)sizeof(*msg))
            return CONTROL_GOT;
        if (got >= 0)
            return CONTROL_GONE; // closed, or not a packet of ours
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return CONTROL_NOTHING;
        if (errno != EINTR)
            return CONTROL_GONE;
    }
}
