// dialogue: the conversation with one client: reading commands, writing replies, limits.
#include "smtpd/dialogue.h"
#include "service/service.h"
#include "smtpd/footer.h"
#include "smtpd/limits.h"
#include "smtpd/smtpd_log.h"
#include "smtpd/transcript.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include <sys/socket.h>
#include <unistd.h>

// A command line that is too long is read up to here, to answer what follows it; no client
// may keep a server busy with throwing away.
#define DISCARD_MAX (1u << 20)

static void set_deadline(struct session *s)
{
    if (s->cfg->smtpd_per_request_deadline)
        stream_set_deadline(s->io,
                            clock_ms() + (int64_t)s->cfg->smtpd_timeout.seconds * 1000);
}

static enum stream_result write_lines(struct session *s, const char *text)
{
    struct str rest = str_c(text), line;
    enum stream_result result = STREAM_OK;

    while (result == STREAM_OK && str_split(&rest, '\n', &line)) {
        transcript_add(s, "Out", line);
        result = stream_write(s->io, line);
        if (result == STREAM_OK)
            result = stream_write(s->io, STR_LIT("\r\n"));
    }
    return result;
}

bool dialogue_send(struct session *s, struct reply reply)
{
    const char *text = reply.text;

    if (reply_is_error(reply))
        text = footer_append(s, text);
    log_debug("> %s: %s", s->peer.namaddr, text);
    // A client that keeps making mistakes is slowed down.
    if (s->errors > s->cfg->smtpd_soft_error_limit) {
        unsigned left = (unsigned)s->cfg->smtpd_error_sleep_time.seconds;

        if (stream_flush(s->io) != STREAM_OK)
            return false;
        while (left > 0)
            left = sleep(left);
    }
    set_deadline(s);
    return write_lines(s, text) == STREAM_OK;
}

static void log_end(struct session *s, const char *what)
{
    const char *id = session_queue_id(s);

    if (strcmp(s->where, "DATA") == 0 || strcmp(s->where, "BDAT") == 0)
        log_info("%s: %s after %s (%lld bytes) from %s", id, what, s->where,
                 (long long)s->msg.data.size, s->peer.namaddr);
    else
        log_info("%s: %s after %s from %s", id, what, s->where, s->peer.namaddr);
}

bool dialogue_lost(struct session *s, enum stream_result result)
{
    s->error_classes |= NOTIFY_PROTOCOL;
    if (result == STREAM_TIMEOUT) {
        log_end(s, "timeout");
        stream_set_deadline(s->io, 0);
        stream_set_timeout(s->io, 5); // a last word, but no long wait for it
        if (stream_printf(s->io, "421 4.4.2 %s Error: timeout exceeded\r\n",
                          s->mail->myhostname) == STREAM_OK &&
            stream_flush(s->io) != STREAM_OK)
            log_debug("%s did not hear about the timeout", s->peer.namaddr);
    } else {
        log_end(s, "lost connection");
    }
    return false;
}

static struct str without_cr(struct str line)
{
    return line.len > 0 && line.ptr[line.len - 1] == '\r' ? str_sub(line, 0, line.len - 1)
                                                          : line;
}

// Reads to the end of a line that is too long. STREAM_TOO_LONG: it does not seem to end.
static enum stream_result skip_line(struct session *s)
{
    enum stream_result result = STREAM_TOO_LONG;
    struct str line;

    for (size_t left = DISCARD_MAX; left > 0 && result == STREAM_TOO_LONG;) {
        result = stream_read_line(s->io, 65536, &line);
        left -= line.len < left ? line.len : left;
    }
    return result;
}

enum next { NEXT_LINE, NEXT_ANSWERED, NEXT_END };

static enum next refuse_line(struct session *s, struct reply reply)
{
    s->errors++;
    s->error_classes |= NOTIFY_PROTOCOL;
    return dialogue_send(s, reply) && !reply.close ? NEXT_ANSWERED : NEXT_END;
}

static const char *filtered(struct session *s, const char *line)
{
    const char *other = line;
    struct error err = {0};

    if (s->server->command_filter == NULL)
        return line;
    switch (maps_find(s->server->command_filter, s->cmd_arena, line, 0, &other, &err)) {
    case TABLE_FOUND:
        return other;
    case TABLE_FAILED:
        log_warn("smtpd_command_filter: %s", err.text);
        break;
    case TABLE_NOT_FOUND:
        break;
    }
    return line;
}

static enum next read_command(struct session *s, struct str *line)
{
    size_t max = (size_t)s->mail->line_length_limit;
    enum stream_result result;

    set_deadline(s);
    result = stream_read_line(s->io, max, line);
    if (result == STREAM_TOO_LONG) {
        log_warn("%s: request longer than %zu: %.30s...", s->peer.namaddr, max,
                 arena_text(s->cmd_arena, str_sub(*line, 0, 30)));
        result = skip_line(s);
        struct reply reply = reply_printf(s, "500 5.5.2 %s Error: command too long",
                                          s->mail->myhostname);

        reply.close = result == STREAM_TOO_LONG;
        if (result == STREAM_OK || result == STREAM_TOO_LONG)
            return refuse_line(s, reply);
    }
    if (result != STREAM_OK) {
        dialogue_lost(s, result);
        return NEXT_END;
    }
    bool is_bare = line->len == 0 || line->ptr[line->len - 1] != '\r';

    if (is_bare && s->bare_newline == BARE_NEWLINE_REJECT) {
        log_info("%s: reject: bare <LF> received after %s from %s", session_queue_id(s),
                 s->where, s->peer.namaddr);
        return refuse_line(s, reply_printf(s, "%ld 5.5.2 %s Error: bare <LF> received",
                                           s->cfg->smtpd_forbid_bare_newline_reject_code,
                                           s->mail->myhostname));
    }
    if (is_bare && s->bare_newline == BARE_NEWLINE_NOTE)
        log_info("%s: bare <LF> received after %s from %s", session_queue_id(s), s->where,
                 s->peer.namaddr);
    *line = without_cr(*line);
    // A NUL cannot be part of any command; what follows it must not hide from the log.
    if (!str_is_text(*line))
        return refuse_line(s, REPLY("500 5.5.2 Error: bad syntax"));
    arena_reset(s->cmd_arena);
    transcript_add(s, "In", *line);
    return NEXT_LINE;
}

// One command; false at the end of the session.
static bool serve_command(struct session *s)
{
    struct str line;

    if (s->errors >= s->cfg->smtpd_hard_error_limit) {
        s->error_classes |= NOTIFY_PROTOCOL;
        log_end(s, "too many errors");
        dialogue_send(
            s, reply_printf(s, "421 4.7.0 %s Error: too many errors", s->mail->myhostname));
        return false;
    }
    if (s->server->service != NULL)
        service_alive(s->server->service);
    switch (read_command(s, &line)) {
    case NEXT_ANSWERED:
        return true;
    case NEXT_END:
        return false;
    case NEXT_LINE:
        break;
    }
    log_debug("< %s: %.*s", s->peer.namaddr, STR_FMT(line));
    // The slice of the stream does not outlive the next read.
    char copy[65536];
    size_t len = line.len < sizeof(copy) ? line.len : sizeof(copy) - 1;

    memcpy(copy, line.ptr, len);
    copy[len] = '\0';
    struct arena *own = NULL;
    const char *text = copy;

    if (s->server->command_filter != NULL) {
        own = arena_new(); // smtpd_dispatch clears the command's arena
        text = arena_strdup(own, filtered(s, copy));
    }
    struct reply reply = smtpd_dispatch(s, str_c(text));

    arena_free(own);
    if (reply.text == NULL || s->hang_up)
        return false;
    return dialogue_send(s, reply) && !reply.close;
}

// A client that talks before it was greeted does not follow the protocol. Standard input of
// sendmail -bs may well be a file.
static bool has_talked_early(struct session *s)
{
    char room[100];
    struct str ahead = session_input_ahead(s, room, sizeof(room));

    if (ahead.len == 0 || s->peer.family == AF_UNIX)
        return false;
    log_info("improper command pipelining after CONNECT from %s: %s", s->peer.namaddr,
             smtpd_printable(s->cmd_arena, ahead));
    s->broke_pipelining = true;
    return s->cfg->smtpd_forbid_unauth_pipelining;
}

static bool greet(struct session *s)
{
    struct reply reply;

    const char *refusal = limits_connect(s);

    if (refusal != NULL) {
        dialogue_send(s, REPLY(refusal));
        return false;
    }
    if (has_talked_early(s)) {
        dialogue_send(s, REPLY("554 5.5.0 Error: SMTP protocol synchronization"));
        return false;
    }
    reply = smtpd_greet(s);
    return !s->hang_up && dialogue_send(s, reply) && !reply.close;
}

void dialogue_run(struct session *s)
{
    stream_set_timeout(s->io, (int)s->cfg->smtpd_timeout.seconds);
    log_info("connect from %s", s->peer.namaddr);
    if (greet(s))
        while (serve_command(s))
            ;
    stream_set_deadline(s->io, 0);
    if (stream_flush(s->io) != STREAM_OK)
        log_debug("%s did not wait for the last reply", s->peer.namaddr);
    session_reset_message(s);
    limits_disconnect(s);
    log_info("disconnect from %s%s", s->peer.namaddr, smtpd_counts_text(s));
}
