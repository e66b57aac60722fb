// verb_data: DATA and BDAT: reading message content, in large pieces.
#include "smtpd/checks.h"
#include "smtpd/dialogue.h"
#include "smtpd/intake.h"
#include "smtpd/verbs.h"
#include "util/log.h"

#define READ_MAX 65536

static enum smtp_eol eol_of(const struct session *s)
{
    return s->bare_newline == BARE_NEWLINE_ALLOW ? SMTP_EOL_ANY : SMTP_EOL_STRICT;
}

static struct reply protocol_error(struct session *s, const char *text)
{
    s->error_classes |= NOTIFY_PROTOCOL;
    return REPLY(text);
}

// Content may be many times what one time limit is for: with deadlines, each piece that
// came buys time (smtpd_min_data_rate), but never more than the limit itself.
struct pace {
    int64_t left_ms;
};

static enum stream_result read_piece(struct session *s, struct pace *pace, size_t max,
                                     struct str *piece)
{
    int64_t limit_ms = (int64_t)s->cfg->smtpd_timeout.seconds * 1000, begun = clock_ms();
    enum stream_result result;

    if (!s->cfg->smtpd_per_request_deadline)
        return stream_read_some(s->io, max, piece);
    stream_set_deadline(s->io, begun + pace->left_ms);
    result = stream_read_some(s->io, max, piece);
    pace->left_ms -= clock_ms() - begun;
    if (result == STREAM_OK)
        pace->left_ms += (int64_t)piece->len * 1000 / s->cfg->smtpd_min_data_rate;
    if (pace->left_ms > limit_ms)
        pace->left_ms = limit_ms;
    stream_set_deadline(s->io, 0);
    return result;
}

static struct pace pace_begin(const struct session *s)
{
    return (struct pace){(int64_t)s->cfg->smtpd_timeout.seconds * 1000};
}

// Returns how much of the piece belongs to the message.
static size_t take_piece(struct session *s, struct str piece, char *out)
{
    size_t out_len = 0, used = smtp_data_decode(&s->msg.data, piece, out, &out_len);

    intake_add(s, str_n(out, out_len));
    return used;
}

static bool read_content(struct session *s)
{
    struct pace pace = pace_begin(s);
    char *out = arena_alloc(s->msg_arena, READ_MAX + SMTP_DATA_EXTRA);

    while (!smtp_data_is_ended(&s->msg.data)) {
        struct str piece;
        enum stream_result result = read_piece(s, &pace, READ_MAX, &piece);

        if (result != STREAM_OK)
            return dialogue_lost(s, result);
        stream_unread(s->io, piece.len - take_piece(s, piece, out)); // the next command
    }
    return true;
}

static struct reply bare_newline_reply(struct session *s)
{
    s->error_classes |= NOTIFY_PROTOCOL;
    log_info("%s: reject: bare <LF> received after %s from %s", session_queue_id(s),
             s->where, s->peer.namaddr);
    struct reply reply =
        reply_printf(s, "%ld 5.5.2 %s Error: bare <LF> received",
                     s->cfg->smtpd_forbid_bare_newline_reject_code, s->mail->myhostname);

    session_reset_message(s);
    return reply;
}

// What smtpd_forbid_bare_newline says about the bare LF that came; NULL text: nothing.
static struct reply judge_newlines(struct session *s)
{
    if (!s->msg.data.saw_bare_lf)
        return REPLY(NULL);
    if (s->bare_newline == BARE_NEWLINE_REJECT)
        return bare_newline_reply(s);
    if (s->bare_newline == BARE_NEWLINE_NOTE)
        log_info("%s: bare <LF> received after %s from %s", session_queue_id(s), s->where,
                 s->peer.namaddr);
    return REPLY(NULL);
}

static const char *check_order(struct session *s)
{
    if (s->msg.rcpts.len > 0)
        return NULL;
    s->error_classes |= NOTIFY_PROTOCOL;
    return s->msg.has_sender ? "554 5.5.1 Error: no valid recipients"
                             : "503 5.5.1 Error: need RCPT command";
}

VERB(smtpd_data)
{
    const char *refusal;

    if (s->msg.in_bdat)
        return protocol_error(s, "503 5.5.1 Error: DATA after BDAT");
    refusal = check_order(s);
    if (refusal != NULL)
        return REPLY(refusal);
    if (args.len != 0)
        return protocol_error(s, "501 5.5.4 Syntax: DATA");
    refusal = check_data(s, "DATA");
    if (refusal != NULL)
        return REPLY(refusal);
    smtp_data_begin(&s->msg.data, eol_of(s), true);
    intake_begin(s);
    dialogue_send(s, REPLY("354 End data with <CR><LF>.<CR><LF>"));
    if (!read_content(s))
        return REPLY(NULL);
    struct reply newlines = judge_newlines(s);

    return newlines.text != NULL ? newlines : intake_commit(s, false);
}

struct bdat {
    int64_t size;
    bool is_last;
};

static bool parse_bdat(struct str args, struct bdat *b)
{
    struct str size, word;
    uint64_t number;

    if (!str_take(&args, " \t", &size) || !str_to_u64(size, &number) ||
        number > INT64_MAX / 2)
        return false;
    b->size = (int64_t)number;
    b->is_last = str_take(&args, " \t", &word);
    return !b->is_last || (str_is_nocase(word, "LAST") && str_trim(args).len == 0);
}

// Takes the whole chunk off the wire, whatever becomes of it.
static bool read_chunk(struct session *s, int64_t size, bool keep)
{
    struct pace pace = pace_begin(s);
    // Of this command: a message may come in millions of small chunks.
    char *out = arena_alloc(s->cmd_arena, READ_MAX + SMTP_DATA_EXTRA);

    while (size > 0) {
        struct str piece;
        enum stream_result result =
            read_piece(s, &pace, size > READ_MAX ? READ_MAX : (size_t)size, &piece);

        if (result != STREAM_OK)
            return dialogue_lost(s, result);
        size -= (int64_t)piece.len;
        if (keep)
            take_piece(s, piece, out);
    }
    return true;
}

// RFC 3030: a refused chunk refuses those after it, but all have to be read.
static struct reply refuse_chunk(struct session *s, const struct bdat *b,
                                 struct reply refusal)
{
    struct reply reply = {.text = arena_strdup(s->cmd_arena, refusal.text),
                          .close = refusal.close};

    if (!read_chunk(s, b->size, false))
        return REPLY(NULL);
    if (b->is_last) {
        session_reset_message(s);
    } else {
        s->msg.in_bdat = true;
        s->msg.bdat_failed = true;
    }
    return reply;
}

static const char *check_chunk(struct session *s, const struct bdat *b)
{
    const char *refusal = s->msg.in_bdat ? NULL : check_order(s);
    int64_t limit = s->mail->message_size_limit;

    if (refusal == NULL && limit > 0 && s->msg.data.size + b->size > limit) {
        s->error_classes |= NOTIFY_POLICY;
        log_warn("%s: BDAT request from %s exceeds message size limit", session_queue_id(s),
                 s->peer.namaddr);
        refusal = "552 5.3.4 Chunk exceeds message size limit";
    }
    if (refusal == NULL && b->size == 0 && !b->is_last) {
        log_warn("%s: null BDAT request from %s", session_queue_id(s), s->peer.namaddr);
        refusal = "551 5.7.1 Null BDAT request";
    }
    if (refusal == NULL && !s->msg.in_bdat)
        refusal = check_data(s, "BDAT");
    return refusal;
}

VERB(smtpd_bdat)
{
    struct bdat b;
    const char *refusal;
    char tail[SMTP_DATA_EXTRA];
    size_t tail_len;

    if ((s->ehlo_discard & EHLO_CHUNKING) || !s->esmtp) {
        s->error_classes |= NOTIFY_PROTOCOL;
        return REPLY_AND_CLOSE("521 5.5.1 Error: command not implemented");
    }
    if (!parse_bdat(args, &b)) {
        s->error_classes |= NOTIFY_PROTOCOL;
        log_warn("%s: malformed BDAT command syntax from %s: BDAT%s%.*s",
                 session_queue_id(s), s->peer.namaddr, args.len > 0 ? " " : "",
                 (int)(args.len > 95 ? 95 : args.len), args.ptr);
        return REPLY_AND_CLOSE("521 5.5.4 Syntax: BDAT count [LAST]");
    }
    if (s->msg.bdat_failed)
        return refuse_chunk(
            s, &b,
            reply_printf(s, "551 5.0.0 Discarded %lld bytes after earlier error",
                         (long long)b.size));
    refusal = check_chunk(s, &b);
    if (refusal != NULL)
        return refuse_chunk(s, &b, REPLY(refusal));
    if (!s->msg.in_bdat) {
        smtp_data_begin(&s->msg.data, eol_of(s), false);
        intake_begin(s);
        s->msg.in_bdat = true;
    }
    if (!read_chunk(s, b.size, true))
        return REPLY(NULL);
    struct reply newlines = judge_newlines(s);

    if (newlines.text != NULL) {
        if (!b.is_last) // the rest of the message is refused, too
            s->msg = (struct message){.in_bdat = true, .bdat_failed = true};
        return newlines;
    }
    if (!b.is_last)
        return reply_printf(s, "250 2.0.0 Ok: %lld bytes", (long long)b.size);
    smtp_data_finish(&s->msg.data, tail, &tail_len);
    intake_add(s, str_n(tail, tail_len));
    return intake_commit(s, true);
}
