// service_loop: event-driven workers: many peers, wake-ups and datagrams in one loop.
#include "service/service_impl.h"
#include "util/clock.h"
#include "util/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DATAGRAM_BATCH = 1024,
    ACCEPT_BATCH = 64,       // clients taken before others get their turn
    TRIGGER_MAX = 4096,      // bytes of one wake-up
    TRIGGER_WAIT_MS = 10000, // how long a peer may take to say what it wants
    DATAGRAM_MAX = 65536,
    LEAVE_AGAIN_MS = 1000,
};

// A connection to a SERVICE_TRIGGER daemon that has not said its word.
struct trigger_peer {
    struct service *svc;
    int fd;
    struct loop_io *io;
    struct loop_timer *timer;
};

static void trigger_peer_free(struct trigger_peer *peer)
{
    loop_io_free(peer->io);
    loop_timer_free(peer->timer);
    close(peer->fd);
    free(peer);
}

static void wake(struct service *svc, struct str bytes)
{
    service_alive(svc);
    svc->spec->on_wake(svc, bytes);
}

// False when the peer has to be waited for.
static bool read_trigger(struct service *svc, int fd)
{
    char bytes[TRIGGER_MAX];
    ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got > 0)
        wake(svc, str_n(bytes, (size_t)got));
    return true;
}

static void trigger_readable(int fd, unsigned events, void *arg)
{
    struct trigger_peer *peer = arg;

    (void)events;
    if (!read_trigger(peer->svc, fd))
        return;
    service_count_use(peer->svc);
    trigger_peer_free(peer);
}

static void trigger_timed_out(void *arg)
{
    struct trigger_peer *peer = arg;

    service_count_use(peer->svc);
    trigger_peer_free(peer);
}

static void take_trigger(struct service *svc, int fd)
{
    if (read_trigger(svc, fd)) {
        service_count_use(svc);
        close(fd);
        return;
    }
    struct trigger_peer *peer = mem_alloc(sizeof(*peer));
    *peer = (struct trigger_peer){.svc = svc, .fd = fd};
    peer->io = loop_watch(svc->loop, fd, LOOP_READ, trigger_readable, peer);
    peer->timer = loop_timer_new(svc->loop, trigger_timed_out, peer);
    loop_timer_set(peer->timer, TRIGGER_WAIT_MS);
}

static size_t listen_index(const struct service *svc, int fd)
{
    for (size_t i = 0; i < svc->listen_len; i++)
        if (svc->listen_fds[i] == fd)
            return i;
    return svc->listen_len;
}

static void clients_waiting(int listen_fd, unsigned events, void *arg)
{
    struct service *svc = arg;
    size_t index = listen_index(svc, listen_fd);

    (void)events;
    if (service_is_draining(svc)) // for the new process; our leaving is about to begin
        return;
    for (int i = 0; index < svc->listen_len && i < ACCEPT_BATCH && !svc->draining; i++) {
        int fd = service_accept(svc, index, SOCK_NONBLOCK);
        if (fd < 0)
            return;
        svc->accepted++;
        service_alive(svc);
        if (svc->spec->on_connect != NULL)
            svc->spec->on_connect(svc, fd);
        else
            take_trigger(svc, fd);
    }
}

static void fifo_readable(int fd, unsigned events, void *arg)
{
    struct service *svc = arg;
    char bytes[TRIGGER_MAX];
    ssize_t got = read(fd, bytes, sizeof(bytes));

    (void)events;
    if (got <= 0)
        return;
    svc->accepted++;
    wake(svc, str_n(bytes, (size_t)got));
    service_count_use(svc);
}

static void datagrams_waiting(int fd, unsigned events, void *arg)
{
    static char bytes[DATAGRAM_MAX];
    struct service *svc = arg;

    (void)events;
    for (int i = 0; i < DATAGRAM_BATCH; i++) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0)
            return;
        if (i == 0)
            service_alive(svc);
        svc->spec->on_datagram(svc, str_n(bytes, (size_t)got));
    }
}

static void watch_listen(struct service *svc)
{
    bool is_fifo = str_is(str_c(svc->opt.transport), "fifo");
    bool is_dgram = svc->spec->model == SERVICE_DGRAM;

    for (size_t i = 0; i < svc->listen_len; i++)
        svc->listen_io[i] = loop_watch(service_loop(svc), svc->listen_fds[i], LOOP_READ,
                                       is_fifo    ? fifo_readable
                                       : is_dgram ? datagrams_waiting
                                                  : clients_waiting,
                                       svc);
}

// Closing alone would not do: master has the sockets too, and they would go on to wake us.
static void forget_listen(struct service *svc)
{
    for (size_t i = 0; i < svc->listen_len; i++) {
        loop_io_free(svc->listen_io[i]);
        svc->listen_io[i] = NULL;
    }
    service_close_listen(svc);
}

static void begin_drain(struct service *svc)
{
    if (svc->draining)
        return;
    // What was sent before the end was ordered still counts.
    for (size_t i = 0; svc->spec->model == SERVICE_DGRAM && i < svc->listen_len; i++)
        datagrams_waiting(svc->listen_fds[i], LOOP_READ, svc);
    svc->draining = true;
    if (svc->spec->on_drain != NULL)
        svc->spec->on_drain(svc);
}

static void life_ended(int fd, unsigned events, void *arg)
{
    (void)fd, (void)events;
    begin_drain(arg);
}

// Peers that a daemon does not count keep a leaving process for max_idle at most.
static bool may_leave(const struct service *svc, int64_t idle_since)
{
    if (svc->exiting)
        return true;
    bool quiet = clock_ms() - idle_since >= svc->max_idle_s * 1000;
    bool has_clients = svc->accepted > svc->served;

    if (svc->draining)
        return (svc->spec->on_drain == NULL && !has_clients) || quiet;
    if (has_clients || (svc->spec->needs & SERVICE_STAYS))
        return false;
    return quiet || svc->served >= svc->max_use;
}

static int64_t shorter_wait(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int64_t wait_for_idle(const struct service *svc, int64_t idle_since)
{
    if (svc->draining)
        return LEAVE_AGAIN_MS;
    if (svc->spec->needs & SERVICE_STAYS)
        return -1;
    int64_t left = svc->max_idle_s * 1000 - (clock_ms() - idle_since);
    return left > 0 ? left : LEAVE_AGAIN_MS;
}

void service_serve_loop(struct service *svc)
{
    struct loop *loop = service_loop(svc);
    struct loop_io *life = loop_watch(loop, LIFE_FD, LOOP_READ, life_ended, svc);
    long seen_accepted = 0;
    int64_t idle_since = clock_ms();

    watch_listen(svc);
    service_set_state(svc, BOARD_IDLE);
    while (!may_leave(svc, idle_since)) {
        int64_t wait = svc->spec->on_idle == NULL ? -1 : svc->spec->on_idle(svc);

        if (svc->exiting)
            break;
        wait = shorter_wait(wait, wait_for_idle(svc, idle_since));
        wait = shorter_wait(wait, svc->watchdog_s * 500); // waiting is no hang
        loop_run_once(loop, (int)wait);
        service_alive(svc);
        if (svc->accepted != seen_accepted) {
            seen_accepted = svc->accepted;
            idle_since = clock_ms();
        }
        if (svc->draining && svc->spec->on_idle != NULL)
            (void)svc->spec->on_idle(svc); // what the last turn left
        if (svc->draining && life != NULL) {
            loop_io_free(life); // end of file is announced for ever
            life = NULL;
            forget_listen(svc);
            idle_since = clock_ms();
        }
    }
    service_set_state(svc, BOARD_LEAVING);
}
