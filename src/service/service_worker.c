// service_worker: straight-line workers: one client at a time, taken from the shared
// socket.
#include "service/service_impl.h"
#include "util/log.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NO_SOCKET = -1, LIFE_TOKEN = SERVICE_LISTEN_MAX };

// The kernel wakes one waiting worker for each client, the longest-registered first: the
// others sleep on and reach max_idle. Master waits at the end of the same line
// (src/master).
static int make_waiter(struct service *svc)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event life = {.events = EPOLLIN, .data.u32 = LIFE_TOKEN};

    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, LIFE_FD, &life) < 0)
        log_fatal("cannot wait for clients: %m");
    for (size_t i = 0; i < svc->listen_len; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE,
                                    .data.u32 = (uint32_t)i};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, svc->listen_fds[i], &event) < 0)
            log_fatal("cannot wait for clients: %m");
    }
    return epoll_fd;
}

static void serve(struct service *svc, int fd)
{
    service_set_state(svc, BOARD_BUSY);
    service_alive(svc);
    svc->spec->on_client(svc, fd);
    svc->served++;
    atomic_store_explicit(&svc->board->slots[svc->slot].served, (uint32_t)svc->served,
                          memory_order_relaxed);
}

// A client that came while this worker stopped waiting was announced to it alone.
static bool serve_last_minute(struct service *svc)
{
    for (size_t i = 0; i < svc->listen_len; i++) {
        int fd = service_accept(svc, i, 0);
        if (fd >= 0) {
            serve(svc, fd);
            return true;
        }
    }
    return false;
}

enum waited { WAITED_CLIENT, WAITED_IDLE, WAITED_END, WAITED_NOTHING };

static enum waited wait_client(struct service *svc, int epoll_fd, int *client)
{
    struct epoll_event event;

    if (svc->max_idle_s >= svc->watchdog_s) {
        alarm(0); // waiting is no hang
        svc->alarm_is_set = false;
    }
    int n = epoll_wait(epoll_fd, &event, 1, (int)(svc->max_idle_s * 1000));

    if (n == 0)
        return WAITED_IDLE;
    if (n < 0)
        return errno == EINTR && !service_life_ended(svc) ? WAITED_NOTHING : WAITED_END;
    // A client that came after a reload is for the new workers: when this process has
    // ended, master looks at the sockets again.
    if (event.data.u32 == LIFE_TOKEN || service_is_draining(svc))
        return WAITED_END;
    *client = service_accept(svc, event.data.u32, 0);
    return *client >= 0 ? WAITED_CLIENT : WAITED_NOTHING;
}

void service_serve_clients(struct service *svc)
{
    int epoll_fd = make_waiter(svc);
    int client = NO_SOCKET;

    while (!svc->exiting && svc->served < svc->max_use && !service_is_draining(svc)) {
        service_set_state(svc, BOARD_IDLE);
        enum waited waited = wait_client(svc, epoll_fd, &client);
        if (waited == WAITED_END)
            break;
        if (waited == WAITED_CLIENT)
            serve(svc, client);
        if (waited != WAITED_IDLE)
            continue;
        service_set_state(svc, BOARD_LEAVING);
        close(epoll_fd);
        if (!serve_last_minute(svc)) {
            log_debug("idle timeout -- exiting");
            return;
        }
        epoll_fd = make_waiter(svc);
    }
    service_set_state(svc, BOARD_LEAVING);
    close(epoll_fd);
}
