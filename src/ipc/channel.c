// channel: frames over a connected UNIX socket. Reads and writes are tried first; only
// EAGAIN waits. The socket's own mode is left alone: each call says MSG_DONTWAIT.
#include "ipc/channel.h"
#include "ipc/unix_socket.h"
#include "util/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_FDS_MAX 4
#define RECEIVE_FDS_MAX 16
#define READ_SIZE 16384u
// A buffer that a rare large frame made bigger than this is given back afterwards.
#define KEEP_SIZE (1u << 20)

struct channel {
    int fd;
    int timeout_ms; // 0 or less: no limit
    struct buf *in, *out;
    size_t in_used;  // bytes of `in` that the last returned frame took
    size_t in_peak;  // since `in` was made
    size_t out_sent; // bytes of `out` that are gone already
    int out_fds[SEND_FDS_MAX];
    size_t out_fds_len;
    int in_fds[RECEIVE_FDS_MAX];
    size_t in_fds_len;
};

static struct buf *new_buf(void)
{
    return buf_new((size_t)MESSAGE_MAX * 2 + READ_SIZE);
}

struct channel *channel_open(int fd, int timeout_ms)
{
    struct channel *ch = mem_alloc(sizeof(*ch));

    ch->fd = fd;
    ch->timeout_ms = timeout_ms;
    ch->in = new_buf();
    ch->out = new_buf();
    return ch;
}

struct channel *channel_connect(const char *path, int timeout_ms, struct error *err)
{
    int fd = unix_socket_connect(path, timeout_ms, err);

    return fd < 0 ? NULL : channel_open(fd, timeout_ms);
}

void channel_close(struct channel *ch)
{
    if (ch == NULL)
        return;
    for (size_t i = 0; i < ch->out_fds_len; i++)
        close(ch->out_fds[i]);
    for (size_t i = 0; i < ch->in_fds_len; i++)
        close(ch->in_fds[i]);
    close(ch->fd);
    buf_free(ch->in);
    buf_free(ch->out);
    free(ch);
}

int channel_fd(const struct channel *ch)
{
    return ch->fd;
}

static int64_t deadline_of(const struct channel *ch)
{
    return ch->timeout_ms > 0 ? clock_ms() + ch->timeout_ms : 0;
}

// Waits until the socket is ready. False: the deadline (0: none) has passed, or errno.
static bool wait_ready(const struct channel *ch, short events, int64_t deadline)
{
    struct pollfd p = {.fd = ch->fd, .events = events};

    for (;;) {
        int64_t left = deadline == 0 ? -1 : deadline - clock_ms();

        if (deadline != 0 && left <= 0)
            left = 0;
        int ready = poll(&p, 1, (int)left);

        if (ready > 0)
            return true;
        if (ready == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR)
            return false;
    }
}

// ---- sending
// -----------------------------------------------------------------------------

bool channel_put(struct channel *ch, const struct message_kind *kind, const void *msg,
                 struct error *err)
{
    if (!message_encode(ch->out, kind, msg))
        return error_temp(err, "4.3.0", "%s message is too large", kind->name);
    return true;
}

bool channel_put_frame(struct channel *ch, struct str frame, struct error *err)
{
    if (!buf_append(ch->out, frame))
        return error_temp(err, "4.3.0", "message is too large");
    return true;
}

bool channel_put_fd(struct channel *ch, int fd, struct error *err)
{
    if (ch->out_fds_len == SEND_FDS_MAX)
        return error_temp(err, "4.3.0", "too many descriptors in one message");
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    if (copy < 0)
        return error_temp(err, "4.3.0", "duplicate descriptor: %m");
    ch->out_fds[ch->out_fds_len++] = copy;
    return true;
}

// One sendmsg of what is queued, with the descriptors in front. The count or -1 with errno.
static ssize_t send_some(struct channel *ch)
{
    struct str rest = str_from(buf_view(ch->out), ch->out_sent);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)rest.ptr, .iov_len = rest.len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        char space[CMSG_SPACE(SEND_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    size_t fds_size = ch->out_fds_len * sizeof(int);

    if (ch->out_fds_len > 0) {
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(fds_size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds_size);
        memcpy(CMSG_DATA(c), ch->out_fds, fds_size);
    }
    ssize_t sent = sendmsg(ch->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent > 0) {
        for (size_t i = 0; i < ch->out_fds_len; i++)
            close(ch->out_fds[i]);
        ch->out_fds_len = 0;
        ch->out_sent += (size_t)sent;
    }
    return sent;
}

static size_t unsent(const struct channel *ch)
{
    return buf_len(ch->out) - ch->out_sent;
}

static void output_done(struct channel *ch)
{
    if (buf_len(ch->out) > KEEP_SIZE) {
        buf_free(ch->out);
        ch->out = new_buf();
    }
    buf_clear(ch->out);
    ch->out_sent = 0;
}

bool channel_try_flush(struct channel *ch, size_t *left, struct error *err)
{
    while (unsent(ch) > 0) {
        if (send_some(ch) > 0)
            continue;
        if (errno == EAGAIN)
            break;
        if (errno != EINTR)
            return error_temp(err, "4.3.0", "write to peer: %m");
    }
    *left = unsent(ch);
    if (*left == 0)
        output_done(ch);
    return true;
}

bool channel_flush(struct channel *ch, struct error *err)
{
    int64_t deadline = 0; // set when the first wait is needed
    size_t left;

    for (;;) {
        if (!channel_try_flush(ch, &left, err))
            return false;
        if (left == 0)
            return true;
        if (deadline == 0)
            deadline = deadline_of(ch);
        if (!wait_ready(ch, POLLOUT, deadline))
            return error_temp(err, "4.3.0", "write to peer: %m");
    }
}

bool channel_send(struct channel *ch, const struct message_kind *kind, const void *msg,
                  struct error *err)
{
    return channel_put(ch, kind, msg, err) && channel_flush(ch, err);
}

// ---- receiving
// ---------------------------------------------------------------------------

// Keeps the descriptors that came with a read. False when the peer sent more than we take.
static bool keep_fds(struct channel *ch, struct msghdr *msg)
{
    bool fits = !(msg->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (ch->in_fds_len < RECEIVE_FDS_MAX) {
                ch->in_fds[ch->in_fds_len++] = fd;
            } else {
                close(fd);
                fits = false;
            }
        }
    }
    return fits;
}

// How much to read: a buffer full, and for a large frame twice what we have, so that memory
// grows with what the peer sent and not with what it announced.
static size_t read_size(const struct channel *ch)
{
    size_t have = buf_len(ch->in);

    return have < READ_SIZE ? READ_SIZE : have < KEEP_SIZE * 4 ? have : KEEP_SIZE * 4;
}

// One read without waiting.
static enum channel_result read_some(struct channel *ch, struct error *err)
{
    size_t size = read_size(ch);
    char *room = buf_room(ch->in, size);

    if (room == NULL) {
        error_temp(err, "4.3.0", "peer sent too much");
        return CHANNEL_FAILED;
    }
    struct iovec iov = {.iov_base = room, .iov_len = size};
    union {
        char space[CMSG_SPACE(RECEIVE_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof(control.space)};
    ssize_t got;

    do
        got = recvmsg(ch->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return CHANNEL_AGAIN;
    if (got < 0 && errno == ECONNRESET)
        got = 0; // the peer left without reading our last bytes
    if (got < 0) {
        error_temp(err, "4.3.0", "read from peer: %m");
        return CHANNEL_FAILED;
    }
    if (got > 0 && !keep_fds(ch, &msg)) {
        error_temp(err, "4.3.0", "peer sent too many descriptors");
        return CHANNEL_FAILED;
    }
    if (got == 0) {
        bool in_order = buf_len(ch->in) == 0;

        error_temp(err, "4.3.0", "%s",
                   in_order ? "peer closed the connection"
                            : "peer closed the connection inside a message");
        return in_order ? CHANNEL_CLOSED : CHANNEL_FAILED;
    }
    buf_added(ch->in, (size_t)got);
    if (buf_len(ch->in) > ch->in_peak)
        ch->in_peak = buf_len(ch->in);
    return CHANNEL_OK;
}

// Drops the frame that was returned last.
static void drop_used(struct channel *ch)
{
    if (ch->in_used == 0)
        return;
    buf_consume(ch->in, ch->in_used);
    ch->in_used = 0;
    if (buf_len(ch->in) == 0 && ch->in_peak > KEEP_SIZE) {
        buf_free(ch->in);
        ch->in = new_buf();
        ch->in_peak = 0;
    }
}

// The frame at the start of the buffer, if all of it is there.
static enum channel_result buffered_frame(struct channel *ch, uint16_t *kind_id,
                                          struct str *frame, struct error *err)
{
    struct str data = buf_view(ch->in);
    uint32_t len;

    if (data.len < MESSAGE_HEADER_SIZE)
        return CHANNEL_AGAIN;
    message_get_header(data.ptr, &len, kind_id);
    if (len > MESSAGE_MAX) {
        error_temp(err, "4.3.0", "malformed message: %u bytes are too many", len);
        return CHANNEL_FAILED;
    }
    if (data.len - MESSAGE_HEADER_SIZE < len)
        return CHANNEL_AGAIN;
    *frame = str_n(data.ptr + MESSAGE_HEADER_SIZE, len);
    ch->in_used = MESSAGE_HEADER_SIZE + len;
    return CHANNEL_OK;
}

enum channel_result channel_try_receive(struct channel *ch, uint16_t *kind_id,
                                        struct str *frame, struct error *err)
{
    drop_used(ch);
    for (;;) {
        enum channel_result result = buffered_frame(ch, kind_id, frame, err);

        if (result != CHANNEL_AGAIN)
            return result;
        result = read_some(ch, err);
        if (result != CHANNEL_OK)
            return result;
    }
}

enum channel_result channel_receive_any(struct channel *ch, uint16_t *kind_id,
                                        struct str *frame, struct error *err)
{
    int64_t deadline = 0; // set when the first wait is needed

    if (unsent(ch) > 0 && !channel_flush(ch, err))
        return CHANNEL_FAILED;
    for (;;) {
        enum channel_result result = channel_try_receive(ch, kind_id, frame, err);

        if (result != CHANNEL_AGAIN)
            return result;
        if (deadline == 0)
            deadline = deadline_of(ch);
        if (!wait_ready(ch, POLLIN, deadline)) {
            error_temp(err, "4.3.0", "read from peer: %m");
            return CHANNEL_FAILED;
        }
    }
}

enum channel_result channel_receive(struct channel *ch, struct arena *arena,
                                    const struct message_kind *kind, void *msg,
                                    struct error *err)
{
    uint16_t id;
    struct str frame;
    enum channel_result result = channel_receive_any(ch, &id, &frame, err);

    if (result != CHANNEL_OK)
        return result;
    if (id != kind->id) {
        error_temp(err, "4.3.0", "message of kind %#x where %s was expected", id,
                   kind->name);
        return CHANNEL_FAILED;
    }
    return message_decode(arena, frame, kind, msg, err) ? CHANNEL_OK : CHANNEL_FAILED;
}

int channel_take_fd(struct channel *ch)
{
    if (ch->in_fds_len == 0)
        return -1;
    int fd = ch->in_fds[0];

    ch->in_fds_len--;
    memmove(ch->in_fds, ch->in_fds + 1, ch->in_fds_len * sizeof(int));
    return fd;
}

// Whether a read would find something: bytes or the end. EAGAIN alone says no.
static bool socket_has_something(const struct channel *ch)
{
    char byte;

    return recv(ch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EINTR);
}

bool channel_has_input(struct channel *ch)
{
    uint16_t id;
    struct str frame;

    drop_used(ch);
    if (buffered_frame(ch, &id, &frame, NULL) != CHANNEL_AGAIN) {
        ch->in_used = 0; // only looked
        return true;
    }
    return socket_has_something(ch);
}

bool channel_is_stale(struct channel *ch)
{
    drop_used(ch);
    return buf_len(ch->in) > 0 || socket_has_something(ch);
}
