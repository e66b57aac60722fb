// requests: the letters that others write to the queue manager's socket.
//
// What came together is served together: equal letters count once, A and F before D and I.
// An arrival by name needs no scan.
#include "qmgr/requests.h"
#include "mail/qmgr_client.h"
#include "mail/queue_id.h"
#include "qmgr/agents.h"
#include "qmgr/scan.h"
#include "util/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    struct qmgr *qm;
    int fd;
    struct loop_io *io;
    bool in_name;
    size_t name_len;
    char name[QUEUE_ID_SIZE];
};

struct wanted {
    bool deferred_scan, incoming_scan, ignore_backoff, flush_dead;
};

static void arrived(struct client *c, struct wanted *wanted)
{
    struct qmgr *qm = c->qm;
    struct str id = str_n(c->name, c->name_len);

    c->in_name = false;
    if (!queue_id_is_valid(id))
        return;
    c->name[c->name_len] = '\0';
    // Behind others that found no room, it waits its turn.
    enum take_result took = qm->incoming.scan != NULL
                                ? TAKE_NO_ROOM
                                : message_take(qm, "incoming", c->name, false);

    if (took == TAKE_NO_ROOM)
        wanted->incoming_scan = true;
    else if (took == TAKE_BUSY)
        scan_retry_incoming(qm);
    else
        flow_put(qm->flow);
}

static void take_byte(struct client *c, char byte, struct wanted *wanted)
{
    if (c->in_name) {
        if (byte == '\n')
            arrived(c, wanted);
        else if (c->name_len < sizeof(c->name) - 1)
            c->name[c->name_len++] = byte;
        else
            c->in_name = false; // too long for a name
        return;
    }
    switch (byte) {
    case 'D':
        wanted->deferred_scan = true;
        break;
    case 'I':
    case 'W':
        wanted->incoming_scan = true;
        break;
    case 'A':
        wanted->ignore_backoff = true;
        break;
    case 'F':
        wanted->flush_dead = true;
        break;
    case QMGR_REQUEST_ARRIVED:
        c->in_name = true;
        c->name_len = 0;
        break;
    default:
        break;
    }
}

static void revive_all(struct qmgr *qm)
{
    struct transport *t, *next_transport;
    struct dest *d, *next;

    HASH_ITER(hh, qm->sched.transports, t, next_transport)
    {
        if (t->is_dead)
            transport_revive(t);
        HASH_ITER(hh, t->dests, d, next)
        {
            if (d->is_dead)
                dest_revive(d);
        }
    }
}

static void serve(struct qmgr *qm, const struct wanted *wanted)
{
    if (wanted->ignore_backoff)
        qm->ignore_backoff_next = true;
    if (wanted->flush_dead)
        revive_all(qm);
    if (wanted->deferred_scan)
        scan_start(qm, &qm->deferred);
    if (wanted->incoming_scan)
        scan_start(qm, &qm->incoming);
}

static void client_ready(int fd, unsigned events, void *arg)
{
    struct client *c = arg;
    struct wanted wanted = {0};
    char bytes[4096];
    ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    (void)events;
    for (ssize_t i = 0; i < got; i++)
        take_byte(c, bytes[i], &wanted);
    serve(c->qm, &wanted);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    loop_io_free(c->io);
    close(fd);
    service_count_use(c->qm->svc);
    free(c);
}

void requests_serve(struct qmgr *qm, int fd)
{
    struct client *c = mem_alloc(sizeof(*c));

    c->qm = qm;
    c->fd = fd;
    c->io = loop_watch(qm->loop, fd, LOOP_READ, client_ready, c);
}
