// session: a connection to one SMTP or LMTP server: commands out, replies in.
#include "smtp/session.h"
#include "mail/postmaster_notice.h"
#include "util/clock.h"
#include "util/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

// A reply is never there yet when we come to read it. So the descriptor is a blocking one
// with a short limit: one read(2) waits and reads. Only a slow peer costs the stream's
// poll(2), which knows the whole time limit.
enum { READ_WAIT_MS = 250 };

// More lines than any EHLO reply; only somebody who wants to hold us sends them.
enum { LINES_MAX = 1000 };

// Bytes of transcript, and how many are let go again while all is well.
enum { TRANSCRIPT_MAX = 1 << 20, TRANSCRIPT_ENOUGH = 100 << 10 };

static ssize_t blocking_read(void *ctx, int fd, void *data, size_t len, short *wait_events)
{
    (void)ctx;
    *wait_events = POLLIN;
    return recv(fd, data, len, 0);
}

static ssize_t prompt_write(void *ctx, int fd, const void *data, size_t len,
                            short *wait_events)
{
    (void)ctx;
    *wait_events = POLLOUT;
    return send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static const struct stream_io session_io = {blocking_read, prompt_write};

static void make_blocking(int fd)
{
    const struct timeval wait = {.tv_usec = READ_WAIT_MS * 1000};

    // Should one of these fail, reads return EAGAIN and the stream polls: slower, not
    // wrong.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0)
        (void)fcntl(fd, F_SETFL, O_RDWR);
}

struct session *session_new(const struct smtp_context *c, int fd, const char *destination,
                            const char *host, const char *address, unsigned port)
{
    struct arena *arena = arena_new();
    struct session *s = ARENA_NEW(arena, struct session);

    s->arena = arena;
    s->c = c;
    s->io = stream_open(fd);
    s->destination = arena_strdup(arena, destination);
    s->host = arena_strdup(arena, host);
    s->address = arena_strdup(arena, address);
    s->peer = arena_printf(arena, "%s[%s]", host, address);
    s->relay = port > 0 ? arena_printf(arena, "%s[%s]:%u", host, address, port) : s->peer;
    s->on_tcp = port > 0;
    s->peer_helo = s->queue_id = "";
    s->created_ms = clock_ms();
    if (c->notify_protocol)
        s->transcript = buf_make(arena, TRANSCRIPT_MAX);
    stream_set_io(s->io, &session_io, NULL);
    make_blocking(fd);
    return s;
}

// Without trouble so far nobody will ask for the beginning of a long session.
static void note_line(struct session *s, const char *direction, struct str line)
{
    if (s->transcript == NULL)
        return;
    if (!s->broke_protocol && buf_len(s->transcript) > TRANSCRIPT_ENOUGH)
        buf_clear(s->transcript);
    if (!postmaster_add_line(s->transcript, direction, line))
        log_debug("transcript is full");
}

static void tell_postmaster(struct session *s)
{
    const struct postmaster_notice notice = {
        .recipient = s->c->cfg->error_notice_recipient,
        .who = s->c->lmtp ? "LMTP client" : "SMTP client",
        .peer = s->relay,
        .first_lines = arena_printf(s->arena, "Unexpected response from %s.\n\n", s->relay),
        .transcript = buf_view(s->transcript),
    };
    struct error err = {0};
    struct cleanup_client *cleanup = cleanup_client_open(s->c->mail, &err);

    if (cleanup == NULL || !postmaster_notify(cleanup, s->c->mail, s->arena, &notice, &err))
        log_warn("postmaster notify: %s", err.text);
    if (cleanup != NULL)
        cleanup_client_close(cleanup);
}

void session_refused(struct session *s, int code)
{
    // RFC 5321 4.2.1: 50x is about syntax; 555 is a parameter that is not known.
    if ((code / 100 != 4 && code / 100 != 5) || code / 10 == 50 || code == 555)
        s->broke_protocol = true;
}

void session_close(struct session *s)
{
    if (s == NULL)
        return;
    stream_close(s->io);
    if (s->broke_protocol && s->transcript != NULL)
        tell_postmaster(s);
    arena_free(s->arena);
}

static socklen_t fill_address(const struct target *target, const struct host *host,
                              union socket_address *to)
{
    memset(to, 0, sizeof *to);
    if (target->kind == TARGET_UNIX) {
        to->un.sun_family = AF_UNIX;
        if (strlen(target->host) >= sizeof to->un.sun_path)
            return 0;
        snprintf(to->un.sun_path, sizeof to->un.sun_path, "%s", target->host);
        return sizeof to->un;
    }
    to->any.sa_family = (sa_family_t)host->family;
    if (host->family == AF_INET6) {
        to->v6.sin6_port = htons(target->port);
        return inet_pton(AF_INET6, host->address, &to->v6.sin6_addr) == 1 ? sizeof to->v6
                                                                          : 0;
    }
    to->v4.sin_port = htons(target->port);
    return inet_pton(AF_INET, host->address, &to->v4.sin_addr) == 1 ? sizeof to->v4 : 0;
}

// smtp_bind_address, smtp_bind_address6. False only where smtp_bind_address_enforce says
// so.
static bool bind_source(const struct smtp_context *c, int fd, int family, struct error *err)
{
    const char *text = family == AF_INET ? c->cfg->bind_address : c->cfg->bind_address6;
    const char *name = family == AF_INET ? "smtp_bind_address" : "smtp_bind_address6";
    union socket_address from = {.any = {.sa_family = (sa_family_t)family}};
    socklen_t len = family == AF_INET ? sizeof from.v4 : sizeof from.v6;
    void *addr = family == AF_INET ? (void *)&from.v4.sin_addr : (void *)&from.v6.sin6_addr;

    if (text[0] == '\0')
        return true;
    if (inet_pton(family, text, addr) != 1) {
        log_warn("bad %s parameter: %s", name, text);
        return error_temp(err, "4.3.5", "server configuration error");
    }
    if (bind(fd, &from.any, len) == 0)
        return true;
    log_warn("bind %s: %m", text);
    return !c->cfg->bind_address_enforce || error_temp(err, "4.4.0", "bind %s: %m", text);
}

// connect(2) with a limit; 0 or errno.
static int connect_within(int fd, const union socket_address *to, socklen_t len,
                          int timeout_ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t error_len = sizeof error;

    if (connect(fd, &to->any, len) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    int64_t end = clock_ms() + timeout_ms;
    for (;;) {
        int left = timeout_ms < 0 ? -1 : (int)(end - clock_ms());
        int n = poll(&pfd, 1, timeout_ms >= 0 && left < 0 ? 0 : left);

        if (n == 0)
            return ETIMEDOUT;
        if (n > 0)
            break;
        if (errno != EINTR)
            return errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 ? errno : error;
}

struct session *session_connect(const struct smtp_context *c, const struct target *target,
                                const struct host *host, struct error *err)
{
    union socket_address to;
    const bool local = target->kind == TARGET_UNIX;
    const char *name = local ? c->mail->myhostname : host->name;
    const char *address = local ? target->host : host->address;
    const int one = 1;
    char where[512];
    socklen_t len = fill_address(target, host, &to);
    int limit = c->cfg->connect_timeout.seconds > 0
                    ? (int)c->cfg->connect_timeout.seconds * 1000
                    : -1;

    if (local)
        snprintf(where, sizeof where, "%s[%s]", name, address);
    else
        snprintf(where, sizeof where, "%s[%s]:%u", name, address, target->port);
    if (len == 0) {
        (void)error_temp(err, "4.3.5", "connect to %s: bad address", where);
        return NULL;
    }
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        (void)error_temp(err, "4.3.0", "socket: %m");
        return NULL;
    }
    if (!local) {
        if (!bind_source(c, fd, host->family, err)) {
            close(fd);
            return NULL;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    int error = connect_within(fd, &to, len, limit);
    if (error != 0) {
        errno = error;
        (void)error_temp(err, "4.4.1", "connect to %s: %m", where);
        close(fd);
        return NULL;
    }
    return session_new(c, fd, target->text, name, address, local ? 0 : target->port);
}

void session_command(struct session *s, struct str line)
{
    // What cannot be sent shows when the reply is read.
    (void)stream_write(s->io, line);
    (void)stream_write(s->io, STR_LIT("\r\n"));
    note_line(s, "Out", line);
    if (log_verbosity() > 0)
        log_debug("> %s: %.*s", s->peer, STR_FMT(line));
}

void session_commandf(struct session *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *line = arena_vprintf(s->arena, fmt, args);
    va_end(args);
    session_command(s, str_c(line));
}

bool session_failed(const struct session *s, enum stream_result result, const char *doing,
                    struct error *err)
{
    if (result == STREAM_TIMEOUT)
        return error_temp(err, "4.4.2", "conversation with %s timed out while %s", s->peer,
                          doing);
    return error_temp(err, "4.4.2", "lost connection with %s while %s", s->peer, doing);
}

// smtp_reply_filter: a line may be replaced by another.
static struct str filter_line(const struct session *s, struct arena *arena, struct str line)
{
    const char *value;
    struct error err;

    if (s->c->reply_filter == NULL || !str_is_text(line))
        return line;
    switch (
        maps_find(s->c->reply_filter, arena, arena_text(arena, line), 0, &value, &err)) {
    case TABLE_FOUND:
        log_info("%s: replacing server reply \"%.*s\" with \"%s\"", s->peer, STR_FMT(line),
                 value);
        return str_c(value);
    case TABLE_FAILED:
        log_warn("%s: table %s lookup error for %.*s", s->peer,
                 maps_title(s->c->reply_filter), STR_FMT(line));
        return line;
    case TABLE_NOT_FOUND:
        break;
    }
    return line;
}

// Servers that print what is no reply between their replies are mostly broken by
// pipelining.
static void log_garbage(struct session *s, struct str line)
{
    if (s->said_garbage)
        return;
    s->said_garbage = true;
    log_warn("%s: non-%s response from %s: %.*s", s->queue_id,
             s->c->lmtp                    ? "LMTP"
             : s->features & FEATURE_ESMTP ? "ESMTP"
                                           : "SMTP",
             s->relay, line.len > 100 ? 100 : (int)line.len, line.ptr);
    if (s->features & FEATURE_PIPELINING)
        log_warn("to prevent loss of mail, turn off command pipelining for %s with the %s "
                 "parameter",
                 s->address,
                 s->c->lmtp ? "lmtp_discard_lhlo_keyword_address_maps"
                            : "smtp_discard_ehlo_keyword_address_maps");
}

static bool read_reply(struct session *s, struct arena *arena, char separator,
                       struct duration limit, const char *doing, struct smtp_reply *reply,
                       struct error *err)
{
    struct buf *text = buf_make(arena, REPLY_TEXT_MAX);
    int code = 0, lines = 0;
    struct str line = {"", 0};
    bool last = false;

    if (s->c->cfg->per_request_deadline)
        stream_set_deadline(s->io, clock_ms() + limit.seconds * 1000);
    stream_set_timeout(s->io, (int)limit.seconds);
    enum stream_result result = stream_unsent(s->io) > 0 ? stream_flush(s->io) : STREAM_OK;
    while (result == STREAM_OK && !last) {
        result = stream_read_line(s->io, REPLY_LINE_MAX, &line);
        if (result == STREAM_TOO_LONG) {
            log_warn("%s: response longer than %d: %.30s...", s->peer, REPLY_LINE_MAX,
                     line.ptr);
            return error_temp(err, "4.5.0", "host %s sent a response that is too long",
                              s->peer);
        }
        if (result != STREAM_OK)
            break;
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (log_verbosity() > 0)
            log_debug("< %s: %.*s", s->peer, STR_FMT(line));
        note_line(s, "In", line);
        line = filter_line(s, arena, line);
        last = reply_add_line(text, line, separator, &code);
        if (code == 0)
            log_garbage(s, line);
        if (!last && ++lines > LINES_MAX)
            return error_temp(err, "4.5.0", "host %s sent a response that is too long",
                              s->peer);
    }
    if (result != STREAM_OK)
        return session_failed(s, result, doing, err);
    reply_finish(buf_text(text), line, code, reply);
    return true;
}

bool session_reply(struct session *s, struct arena *arena, struct duration limit,
                   const char *doing, struct smtp_reply *reply, struct error *err)
{
    return read_reply(s, arena, ' ', limit, doing, reply, err);
}

bool session_reply_lines(struct session *s, struct arena *arena, struct duration limit,
                         const char *doing, struct smtp_reply *reply, struct error *err)
{
    return read_reply(s, arena, '\n', limit, doing, reply, err);
}

// Gives up the transaction that is half done. False when the connection is lost.
static bool leave_transaction(struct session *s)
{
    struct smtp_reply reply;
    struct error err;

    session_command(s, STR_LIT("RSET"));
    if (s->features & FEATURE_PIPELINING) {
        session_command(s, STR_LIT("QUIT"));
        s->said_quit = true;
    }
    return session_reply(s, s->arena, s->c->cfg->rset_timeout, "sending RSET", &reply,
                         &err);
}

void session_quit(struct session *s)
{
    struct smtp_reply reply;
    struct error err;

    if (s->dirty && !s->said_quit && !leave_transaction(s)) {
        session_close(s);
        return;
    }
    if (!s->said_quit)
        session_command(s, STR_LIT("QUIT"));
    stream_set_timeout(s->io, (int)s->c->cfg->quit_timeout.seconds);
    if (s->c->cfg->skip_quit_response)
        (void)stream_flush(s->io);
    else
        (void)!session_reply(s, s->arena, s->c->cfg->quit_timeout, "sending QUIT", &reply,
                             &err);
    session_close(s);
}

bool session_is_stale(struct session *s)
{
    char byte;

    if (stream_peek(s->io).len > 0)
        return true;
    return recv(stream_fd(s->io), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           errno != EAGAIN;
}
