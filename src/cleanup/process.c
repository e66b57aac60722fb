// process: a complete message becomes a queue file: envelope, content, extracted segment.
#include "cleanup/process.h"
#include "cleanup/bounce.h"
#include "cleanup/content.h"
#include "cleanup/map.h"
#include "cleanup/rcpts.h"
#include "mail/address.h"
#include "util/log.h"
#include "util/text.h"
#include <strings.h>

// Attributes that stand before the sender; the others follow it.
static const char *const early_attrs[] = {"log_ident", "rewrite_context", "sasl_method",
                                          "sasl_username", "sasl_sender"};

static bool is_early(const char *name)
{
    for (size_t i = 0; i < COUNT(early_attrs); i++)
        if (strcmp(name, early_attrs[i]) == 0)
            return true;
    return false;
}

static bool put_attrs(struct msg *m, bool early)
{
    for (size_t i = 0; i < m->env.attrs_len; i++) {
        const struct cleanup_attr *a = &m->env.attrs[i];

        if (is_early(a->name) == early && a->value[0] != 0 &&
            !msg_putf(m, REC_ATTR, "%s=%s", a->name, a->value))
            return false;
    }
    return true;
}

static bool rewrite_sender(struct msg *m)
{
    m->sender = m->env.sender;
    if (m->sender[0] == 0)
        return true;
    if (!map_rewrite(m, REWRITE_LOCAL, &m->sender, 1) ||
        !map_canonical(m, CLASS_ENVELOPE_SENDER, &m->sender))
        return false;
    if (!str_is_ascii(str_c(m->sender)))
        m->send_options |= SEND_SMTPUTF8_SENDER;
    if (!(m->env.flags & CLEANUP_BCC_OK))
        return true;
    return rcpts_find_bcc(m, m->tables->sender_bcc, m->sender);
}

// Room for the size record; finish() knows the numbers.
static bool put_size(struct msg *m)
{
    char blank[96];

    memset(blank, ' ', sizeof(blank));
    return msg_put(m, REC_SIZE, str_n(blank, 95));
}

static bool put_sender(struct msg *m)
{
    const struct cleanup_envelope *env = &m->env;

    if (env->full_name[0] != 0 && !msg_put(m, REC_FULL_NAME, str_c(env->full_name)))
        return false;
    if (!msg_put(m, REC_FROM, str_c(m->sender)))
        return false;
    if (env->encoding[0] != 0 && !msg_putf(m, REC_ATTR, "encoding=%s", env->encoding))
        return false;
    if (env->trace_flags != 0 &&
        !msg_putf(m, REC_ATTR, "trace_flags=%lld", (long long)env->trace_flags))
        return false;
    return env->verp[0] == 0 || msg_put(m, REC_VERP, str_c(env->verp));
}

static bool put_warning(struct msg *m)
{
    long delay = m->mail->delay_warning_time.seconds;

    return delay == 0 ||
           msg_putf(m, REC_WARN, "%15lld", (long long)(m->env.arrival_sec + delay));
}

// Mail from a client is known by its first queue ID, wherever it goes from here.
static bool put_log_ident(struct msg *m)
{
    if (msg_attr(m, "log_ident")[0] != 0 || msg_attr(m, "log_client_address")[0] == 0)
        return true;
    return msg_putf(m, REC_ATTR, "log_ident=%s", m->id);
}

static bool put_envelope(struct msg *m)
{
    const struct cleanup_envelope *env = &m->env;

    if (!rewrite_sender(m) || !put_size(m) ||
        !msg_putf(m, REC_TIME, "%lld %lld", (long long)env->arrival_sec,
                  (long long)env->arrival_usec) ||
        !msg_putf(m, REC_ATTR, "create_time=%lld", (long long)m->created.sec) ||
        !put_log_ident(m) || !put_attrs(m, true))
        return false;
    if (env->envelope_id[0] != 0 &&
        !msg_putf(m, REC_ATTR, "envelope_id=%s", env->envelope_id))
        return false;
    if (env->dsn_ret != 0 &&
        !msg_putf(m, REC_ATTR, "ret_flags=%lld", (long long)env->dsn_ret))
        return false;
    if (env->filter[0] != 0 && !msg_put(m, REC_FILTER, str_c(env->filter)))
        return false;
    return put_sender(m) && put_attrs(m, false) && put_warning(m) &&
           rcpts_add(m, env->rcpts, env->rcpts_len);
}

// sendmail -t: the Resent- recipients where there are any.
static bool add_extracted(struct msg *m, const struct header_facts *facts)
{
    const char **items = facts->is_resent ? facts->resent_to : facts->to;
    size_t len = facts->is_resent ? facts->resent_len : facts->to_len, count = 0;
    struct cleanup_rcpt *rcpts = arena_array(m->arena, len + 1, sizeof(*rcpts));

    if (!m->env.extract_rcpts)
        return true;
    // What the command line asked for holds for all its recipients.
    int64_t notify = m->env.rcpts_len > 0 ? m->env.rcpts[0].dsn_notify : 0;

    for (size_t i = 0; i < len; i++)
        if (items[i][0] != 0)
            rcpts[count++] = (struct cleanup_rcpt){
                .address = items[i], .orig = "", .dsn_orcpt = "", .dsn_notify = notify};
    return rcpts_add(m, rcpts, count);
}

static bool put_extracted(struct msg *m, const struct header_facts *facts)
{
    m->extracted_offset = queue_writer_offset(m->out);
    if (!msg_put(m, REC_EXTRACTED, str_c("")))
        return false;
    if (m->said_8bit && !msg_putf(m, REC_ATTR, "encoding=%s", "8bit"))
        return false;
    if (m->filter[0] != 0 && !msg_put(m, REC_FILTER, str_c(m->filter)))
        return false;
    if (m->redirect[0] != 0 && !msg_put(m, REC_REDIRECT, str_c(m->redirect)))
        return false;
    if (!add_extracted(m, facts))
        return false;
    if ((m->env.flags & CLEANUP_BCC_OK) && m->cfg->always_bcc[0] != 0 && m->rcpts_len > 0)
        rcpts_note_bcc(m, m->cfg->always_bcc);
    return rcpts_add_bcc(m) && msg_put(m, REC_END, str_c(""));
}

// Fills in the size record.
static bool patch_size(struct msg *m)
{
    int64_t content_size = m->extracted_offset - m->data_offset;
    int64_t options =
        m->env.send_options &
        ~(int64_t)(SEND_SMTPUTF8_HEADER | SEND_SMTPUTF8_SENDER | SEND_SMTPUTF8_RECIPIENT);
    struct buf *record = buf_make(m->arena, 128);
    struct error err;

    // Without SMTPUTF8, and not told to find out, 8-bit headers are just sent as they are.
    if ((m->env.send_options & SEND_SMTPUTF8_REQUESTED) ||
        (m->env.flags & CLEANUP_SMTPUTF8_AUTODETECT))
        options |= m->send_options;
    if (!record_printf(record, REC_SIZE, "%15lld %15lld %15lld %15lld %15lld %15lld",
                       (long long)content_size, (long long)m->data_offset,
                       (long long)m->rcpts_len, (long long)m->qmgr_flags,
                       (long long)content_size, (long long)options))
        return msg_fail(m, CLEANUP_WRITE_ERROR, "");
    if (queue_writer_patch(m->out, 0, buf_view(record), &err))
        return true;
    log_warn("%s: %s", m->id, err.text);
    return msg_fail(m, CLEANUP_WRITE_ERROR, "");
}

// What bounce(8) will read needs a proper end, wherever writing stopped.
static bool close_for_bounce(struct msg *m)
{
    if (m->data_offset == 0 || m->status == CLEANUP_WRITE_ERROR)
        return false;
    m->extracted_offset = queue_writer_offset(m->out);
    return msg_put(m, REC_EXTRACTED, str_c("")) && msg_put(m, REC_END, str_c("")) &&
           patch_size(m);
}

static void choose_context(struct msg *m)
{
    bool is_local = strcmp(msg_attr(m, "rewrite_context"), "remote") != 0;

    m->rewrite_headers = is_local;
    m->header_context = is_local ? REWRITE_LOCAL : REWRITE_REMOTE;
    if (!is_local && m->mail->remote_header_rewrite_domain[0] != 0)
        m->rewrite_headers = true;
}

static bool check_size(struct msg *m)
{
    if (m->mail->message_size_limit == 0 ||
        queue_writer_offset(m->out) <= m->mail->message_size_limit)
        return true;
    log_warn("%s: queue file size limit exceeded", m->id);
    return msg_fail(m, CLEANUP_TOO_BIG, "");
}

static bool write_all(struct msg *m)
{
    struct header_facts facts = {.seen = 0};

    if (!put_envelope(m) || !msg_put(m, REC_MESSAGE, str_c("")))
        return false;
    m->data_offset = queue_writer_offset(m->out);
    if (!content_write(m, &facts) || m->discard || !check_size(m))
        return false;
    if (!put_extracted(m, &facts))
        return false;
    if (m->rcpts_len == 0 && m->redirect[0] == 0)
        return msg_fail(m, CLEANUP_NO_RCPTS, "");
    return patch_size(m);
}

void process_message(struct msg *m, int fd)
{
    m->reason = "";
    m->filter = "";
    m->redirect = m->env.redirect;
    m->sender = "";
    m->discard = (m->env.flags & CLEANUP_DISCARD) != 0;
    m->hold = (m->env.flags & CLEANUP_HOLD) != 0;
    m->seen = rcpt_set_make(m->arena, (size_t)m->cfg->duplicate_filter_limit);
    m->out = queue_writer_open(fd, m->arena);
    for (size_t i = 0; i < m->env.bcc_len; i++)
        rcpts_note_bcc(m, m->env.bcc[i].value);
    choose_context(m);
    bool complete = write_all(m);

    if (m->discard) {
        m->status = CLEANUP_OK;
    } else if (m->status != CLEANUP_OK && (m->env.flags & CLEANUP_BOUNCE)) {
        if (complete || close_for_bounce(m))
            bounce_message(m);
    }
}
