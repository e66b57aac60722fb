// sink: where a message goes: to cleanup(8), or, with sendmail -bs of a user who may not
// talk to cleanup, by the way that sendmail itself takes.
#include "smtpd/sink.h"
#include "mail/queue_id.h"
#include "mail/submission.h"
#include <sysexits.h>
#include <unistd.h>

// Without message_size_limit: what one process may hold.
#define DROP_MAX (1u << 30)
// Records cost a few bytes a line more than the text in them; our own headers come on top.
#define DROP_OVERHEAD (1u << 20)

bool sink_begin(struct session *s, char id[64], struct error *err)
{
    struct smtpd *server = s->server;

    if (server->submits) {
        int64_t limit = s->mail->message_size_limit;

        // No file exists yet; the Received header wants a name all the same.
        queue_id_format(id, moment_now(), (uint64_t)getpid(), false);
        s->msg.drop =
            buf_make(s->msg_arena, limit > 0 ? (size_t)limit + DROP_OVERHEAD : DROP_MAX);
        return true;
    }
    if (server->cleanup == NULL)
        server->cleanup = cleanup_client_open(s->mail, err);
    return server->cleanup != NULL && cleanup_begin(server->cleanup, id, err);
}

bool sink_envelope(struct session *s, const struct cleanup_envelope *env, struct error *err)
{
    return s->server->submits || cleanup_send_envelope(s->server->cleanup, env, err);
}

bool sink_content(struct session *s, struct str data, struct error *err)
{
    if (!s->server->submits)
        return cleanup_content(s->server->cleanup, data, err);
    return buf_append(s->msg.drop, data) ||
           error_perm(err, "5.3.4", "message file too big");
}

static void submit(struct session *s, const struct cleanup_envelope *env,
                   struct cleanup_result *result)
{
    struct submission sub = {
        .sender = env->sender,
        .full_name = "",
        .envelope_id = env->envelope_id,
        .encoding = env->encoding,
        .verp = env->verp,
        .rewrite_context = "local",
        .dsn_ret = env->dsn_ret,
        .rcpts = env->rcpts,
        .rcpts_len = env->rcpts_len,
    };
    struct buf *records = buf_make(s->msg_arena, SIZE_MAX / 4);
    const char *reason, *id;

    submission_put(records, s->msg_arena, &sub, buf_view(s->msg.drop),
                   (size_t)s->mail->line_length_limit);
    int status = submission_send(s->msg_arena, s->mail, buf_view(records), &reason, &id);

    *result = (struct cleanup_result){.reason = ""};
    if (status == EX_OK)
        s->msg.queue_id = id;
    else if (status == EX_NOPERM || status == EX_DATAERR)
        *result = (struct cleanup_result){
            .status = CLEANUP_REJECTED,
            .reason = arena_printf(s->msg_arena, "5.7.1 Error: %s", reason)};
    else
        result->status = status == EX_USAGE ? CLEANUP_NO_RCPTS : CLEANUP_WRITE_ERROR;
}

bool sink_commit(struct session *s, const struct cleanup_envelope *env,
                 struct cleanup_result *result, struct error *err)
{
    if (!s->server->submits)
        return cleanup_commit(s->server->cleanup, env, s->msg_arena, result, err);
    submit(s, env, result);
    return true;
}

void sink_abort(struct session *s)
{
    if (!s->server->submits && s->server->cleanup != NULL)
        cleanup_abort(s->server->cleanup);
}
