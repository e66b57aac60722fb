// session: the life of one client's session state.
#include "smtpd/session.h"
#include "smtpd/sink.h"
#include "smtpd/verbs.h"
#include <stdarg.h>
#include <sys/socket.h>

#define TRANSCRIPT_MAX (1 << 20)

void session_init(struct session *s, struct smtpd *server, struct stream *io,
                  struct arena *arena, struct arena *msg_arena, struct arena *cmd_arena)
{
    *s = (struct session){
        .server = server,
        .cfg = server->cfg,
        .mail = server->mail,
        .io = io,
        .arena = arena,
        .msg_arena = msg_arena,
        .cmd_arena = cmd_arena,
        .protocol = "SMTP",
        .where = "CONNECT",
        .bare_newline = server->bare_newline,
        .ehlo_discard = server->ehlo_discard,
    };
    s->transcript = buf_make(arena, TRANSCRIPT_MAX);
}

void session_set_peer_rules(struct session *s)
{
    bool is_excluded = session_peer_is_in(s, s->server->bare_newline_exclusions);

    s->bare_newline = is_excluded ? BARE_NEWLINE_ALLOW : s->server->bare_newline;
    s->ehlo_discard = s->server->ehlo_discard;
}

void session_reset_message(struct session *s)
{
    if (s->msg.queue_id != NULL)
        sink_abort(s);
    s->msg = (struct message){0};
    s->sender_denied = NULL;
    s->etrn_domain = NULL;
    arena_reset(s->msg_arena);
}

const char *session_queue_id(const struct session *s)
{
    return s->msg.queue_id == NULL ? "NOQUEUE" : s->msg.queue_id;
}

struct str session_input_ahead(struct session *s, char *room, size_t size)
{
    struct str buffered = stream_peek(s->io);
    ssize_t got;

    if (buffered.len > 0)
        return str_sub(buffered, 0, size);
    got = recv(stream_fd(s->io), room, size, MSG_PEEK | MSG_DONTWAIT);
    return got <= 0 ? str_c("") : str_n(room, (size_t)got);
}

struct reply reply_printf(struct session *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    struct reply r = REPLY(arena_vprintf(s->cmd_arena, fmt, args));

    va_end(args);
    return r;
}
