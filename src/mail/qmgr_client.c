// qmgr_client: telling qmgr(8) by name about a file in incoming/, over a kept connection.
#include "mail/qmgr_client.h"
#include "mail/queue_id.h"
#include "util/arena.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 1000

struct qmgr_client {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    int fd;
    bool missed; // a name could not be told: ask for a scan with the next one
};

struct qmgr_client *qmgr_client_new(const struct mail_config *cfg)
{
    struct qmgr_client *c = mem_alloc(sizeof(*c));

    snprintf(c->path, sizeof(c->path), "public/%s", cfg->queue_service_name);
    c->fd = -1;
    return c;
}

static void disconnect(struct qmgr_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void qmgr_client_free(struct qmgr_client *c)
{
    if (c == NULL)
        return;
    disconnect(c);
    free(c);
}

static bool connect_now(struct qmgr_client *c)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", c->path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return true;
    disconnect(c);
    return false;
}

// All of it or nothing: what could only be sent in part would run into the next name.
static bool send_text(struct qmgr_client *c, const char *text, size_t len)
{
    if (c->fd < 0 && !connect_now(c))
        return false;
    for (bool again = true;; again = false) {
        ssize_t sent = send(c->fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        struct pollfd p = {.fd = c->fd, .events = POLLOUT};

        if (sent == (ssize_t)len)
            return true;
        if (sent >= 0 || errno != EAGAIN || !again || poll(&p, 1, PATIENCE_MS) <= 0)
            break;
    }
    disconnect(c);
    return false;
}

void qmgr_client_arrived(struct qmgr_client *c, const char *id)
{
    char text[QUEUE_ID_SIZE + 8];
    int len = snprintf(text, sizeof(text), "%s%c%.*s\n", c->missed ? "I" : "",
                       QMGR_REQUEST_ARRIVED, QUEUE_ID_SIZE, id);

    // A connection that the queue manager's end took down is made anew once.
    c->missed = !send_text(c, text, (size_t)len) && !send_text(c, text, (size_t)len);
}
