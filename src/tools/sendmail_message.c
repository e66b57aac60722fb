// sendmail_message: standard input becomes a message in the form that postdrop(1) reads.
#include "tools/sendmail_message.h"
#include "mail/address.h"
#include "mail/header_field.h"
#include "mail/submission.h"
#include <errno.h>
#include <unistd.h>

#define READ_SIZE 65536u
// Without message_size_limit: what one process may hold.
#define INPUT_MAX (1u << 30)

static bool is_rcpt_field(struct str name)
{
    return str_is_nocase(name, "to") || str_is_nocase(name, "cc") ||
           str_is_nocase(name, "bcc");
}

static void add_from_value(struct arena *arena, struct str value, size_t max,
                           struct text_list *rcpts)
{
    struct header_addr_list list;

    header_addrs_parse(arena, value, max, &list);
    for (size_t i = 0; i < list.len; i++)
        if (list.items[i].address[0] != 0)
            text_list_add(arena, rcpts, list.items[i].address);
}

void sendmail_header_rcpts(struct arena *arena, struct str message, size_t max,
                           struct text_list *rcpts)
{
    struct text_list plain = {NULL, 0}, resent = {NULL, 0};
    struct header h;
    bool is_resent = false;

    while (header_take(&message, &h) == HEADER_FIELD) {
        if (str_starts_nocase(h.name, "resent-")) {
            is_resent = true;
            if (is_rcpt_field(str_from(h.name, 7)))
                add_from_value(arena, h.value, max, &resent);
        } else if (is_rcpt_field(h.name)) {
            add_from_value(arena, h.value, max, &plain);
        }
    }
    *rcpts = is_resent ? resent : plain;
}

static bool read_input(struct arena *arena, int fd, long limit, struct str *text,
                       struct error *err)
{
    size_t max = limit > 0 ? (size_t)limit : INPUT_MAX;
    struct buf *input = buf_make(arena, max + READ_SIZE + 1);

    for (;;) {
        char *room = buf_room(input, READ_SIZE);

        if (room == NULL || buf_len(input) > max)
            return error_perm(err, "5.3.4", "message file too big");
        ssize_t n = read(fd, room, READ_SIZE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_temp(err, "4.3.0", "error reading input: %m");
        if (n == 0)
            break;
        buf_added(input, (size_t)n);
    }
    *text = buf_view(input);
    return true;
}

// Lines in LF form, up to a lone dot.
static struct str clean_lines(struct arena *arena, const struct sendmail_options *options,
                              struct str text)
{
    struct buf *out = buf_make(arena, text.len + 1);
    struct str line;
    bool first = true, strip = options->fix == FIX_ALWAYS;

    // The envelope lines of an mbox file are none of the message's.
    while (str_starts(text, "From ") || str_starts(text, ">From "))
        if (!str_take_line(&text, &line))
            break;
    while (str_take_line(&text, &line)) {
        bool has_cr = line.len > 0 && line.ptr[line.len - 1] == '\r';

        if (first && options->fix == FIX_STRICT)
            strip = has_cr;
        first = false;
        if (strip && has_cr)
            line.len--;
        if (!options->dot_is_text && str_is(line, "."))
            break;
        buf_put(out, line);
        buf_put(out, STR_LIT("\n"));
    }
    return buf_view(out);
}

static const struct cleanup_rcpt *rcpts_of(struct arena *arena,
                                           const struct text_list *list, int notify)
{
    struct cleanup_rcpt *rcpts = arena_array(arena, list->len, sizeof(*rcpts));

    for (size_t i = 0; i < list->len; i++)
        rcpts[i] = (struct cleanup_rcpt){
            .address = list->items[i], .orig = "", .dsn_orcpt = "", .dsn_notify = notify};
    return rcpts;
}

// What the report about a probe shows as the message.
static struct str probe_text(struct arena *arena, const struct sendmail_options *o)
{
    struct buf *text = buf_make(arena, SIZE_MAX / 4);

    buf_putf(text, "From: %s\nSubject: probe\nTo:", o->sender);
    for (size_t i = 0; i < o->rcpts.len; i++)
        buf_putf(text, "%s\t%s", i == 0 ? "" : ",\n", o->rcpts.items[i]);
    buf_putf(text, "\n");
    return buf_view(text);
}

bool sendmail_read(struct arena *arena, int fd, const struct mail_config *cfg,
                   const struct sendmail_options *o, struct str *records, struct error *err)
{
    struct text_list extracted = {NULL, 0};
    struct str text;

    if (o->trace_flags & SENDMAIL_TRACE_VERIFY)
        text = probe_text(arena, o);
    else if (!read_input(arena, fd, cfg->message_size_limit, &text, err))
        return false;
    text = clean_lines(arena, o, text);
    if (o->extract_rcpts)
        sendmail_header_rcpts(arena, text, (size_t)cfg->header_address_token_limit,
                              &extracted);
    if (o->extract_rcpts && extracted.len == 0 && o->rcpts.len == 0)
        return error_perm(err, "5.1.0", "No recipient addresses found in message header");
    struct buf *out = buf_make(arena, SIZE_MAX / 4);
    struct submission sub = {
        .sender = o->sender,
        .full_name = o->full_name,
        .envelope_id = o->envelope_id,
        .encoding = o->encoding,
        .verp = o->verp,
        .rewrite_context = o->is_gateway ? "remote" : "local",
        .dsn_ret = o->dsn_ret,
        .trace_flags = o->trace_flags,
    };

    sub.rcpts = rcpts_of(arena, &o->rcpts, o->dsn_notify);
    sub.rcpts_len = o->rcpts.len;
    sub.extracted = rcpts_of(arena, &extracted, o->dsn_notify);
    sub.extracted_len = extracted.len;
    submission_put(out, arena, &sub, text, (size_t)cfg->line_length_limit);
    *records = buf_view(out);
    return true;
}
