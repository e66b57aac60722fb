// queue_file: the envelope of a message in the queue: reading it, and changing it in place.
#include "mail/queue_file.h"
#include "util/file.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ATTRS_MAX 1000
#define W_PAYLOAD 15 // digits of the time in a W record

const char *queue_file_attr(const struct queue_file *qf, const char *name)
{
    // The last one counts, as where a milter added a newer one.
    for (size_t i = qf->attrs_len; i-- > 0;)
        if (strcmp(qf->attrs[i].name, name) == 0)
            return qf->attrs[i].value;
    return "";
}

// ---- reading
// -----------------------------------------------------------------------------

struct reading {
    struct arena *arena;
    struct record_reader *records;
    struct queue_file *qf;
    size_t max_rcpts;
    size_t rcpts_size, attrs_size;
    bool has_size, has_sender, at_end;
    bool only_rcpts;     // the rest of the envelope is known (queue_file_read_more)
    int64_t group_start; // of the records that belong to the next recipient
    // Of the next recipient.
    const char *orig, *dsn_orcpt;
    int dsn_notify;
};

// A NUL inside would make the text end early: such a file is damaged.
static const char *text_of(struct reading *rd, struct str payload)
{
    return str_is_text(payload) ? arena_text(rd->arena, payload) : NULL;
}

static bool set_text(struct reading *rd, struct str payload, const char **text)
{
    const char *copy = text_of(rd, payload);

    if (copy != NULL)
        *text = copy;
    return copy != NULL;
}

static bool parse_size(struct reading *rd, struct str payload)
{
    struct queue_file *qf = rd->qf;
    int64_t *const fields[] = {&qf->content_size, &qf->data_offset,    &qf->rcpt_count,
                               &qf->qmgr_flags,   &qf->message_length, &qf->send_options};
    struct str word;

    for (size_t i = 0; i < COUNT(fields); i++) {
        long value;

        if (!str_take(&payload, " ", &word)) {
            // Files of old versions have fewer fields; the first two have to be there.
            return i >= 2 && (rd->has_size = true);
        }
        if (!str_to_long(word, &value) || value < 0)
            return false;
        *fields[i] = value;
    }
    rd->has_size = true;
    return true;
}

static bool parse_time(struct reading *rd, struct str payload)
{
    struct str sec, usec;
    long value;

    if (!str_take(&payload, " ", &sec) || !str_to_long(sec, &value))
        return false;
    rd->qf->arrival = (struct moment){.sec = value};
    if (str_take(&payload, " ", &usec) && str_to_long(usec, &value) && value >= 0 &&
        value < 1000000)
        rd->qf->arrival.usec = (int32_t)value;
    return true;
}

static bool parse_warn_time(struct reading *rd, const struct record *rec)
{
    long value;

    if (!str_to_long(str_trim(rec->payload), &value))
        return false;
    rd->qf->warn_offset = rec->offset;
    rd->qf->warn_time = value;
    return true;
}

static bool attr_int(const char *value, int *result)
{
    long number;

    if (!str_to_long(str_c(value), &number) || number < 0 || number > INT32_MAX)
        return false;
    *result = (int)number;
    return true;
}

static void add_attr(struct reading *rd, const char *name, const char *value)
{
    struct queue_file *qf = rd->qf;

    if (qf->attrs_len == rd->attrs_size) {
        size_t size = rd->attrs_size == 0 ? 32 : rd->attrs_size * 2;
        struct queue_attr *grown = arena_array(rd->arena, size, sizeof(*grown));

        if (qf->attrs_len > 0)
            memcpy(grown, qf->attrs, qf->attrs_len * sizeof(*grown));
        qf->attrs = grown;
        rd->attrs_size = size;
    }
    qf->attrs[qf->attrs_len++] = (struct queue_attr){name, value};
}

// Attributes that have a field of their own in struct queue_file.
static bool note_attr(struct queue_file *qf, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        int *number;
    } known[] = {
        {"envelope_id",     &qf->envelope_id,     NULL            },
        {"encoding",        &qf->encoding,        NULL            },
        {"rewrite_context", &qf->rewrite_context, NULL            },
        {"log_ident",       &qf->log_ident,       NULL            },
        {"ret_flags",       NULL,                 &qf->dsn_ret    },
        {"trace_flags",     NULL,                 &qf->trace_flags},
    };
    long number;

    for (size_t i = 0; i < COUNT(known); i++) {
        if (strcmp(name, known[i].name) != 0)
            continue;
        if (known[i].number != NULL)
            return attr_int(value, known[i].number);
        *known[i].text = value;
        return true;
    }
    if (strcmp(name, "create_time") == 0) {
        if (!str_to_long(str_c(value), &number))
            return false;
        qf->create_time = number;
    }
    return true;
}

static bool parse_attr(struct reading *rd, struct str payload)
{
    size_t equals = str_index(payload, '=');

    if (equals == SIZE_MAX || equals == 0)
        return false;
    const char *name = text_of(rd, str_sub(payload, 0, equals));
    const char *value = text_of(rd, str_from(payload, equals + 1));

    if (name == NULL || value == NULL)
        return false;
    if (strcmp(name, "notify_flags") == 0)
        return attr_int(value, &rd->dsn_notify);
    if (strcmp(name, "dsn_orig_rcpt") == 0) {
        rd->dsn_orcpt = value;
        return true;
    }
    if (rd->only_rcpts)
        return true;
    if (rd->qf->attrs_len < ATTRS_MAX)
        add_attr(rd, name, value);
    return note_attr(rd->qf, name, value);
}

// Before the next recipient.
static void start_group(struct reading *rd)
{
    rd->orig = rd->dsn_orcpt = "";
    rd->dsn_notify = 0;
    rd->group_start = 0;
}

static void add_rcpt(struct reading *rd, const char *address, int64_t offset)
{
    struct queue_file *qf = rd->qf;

    if (qf->rcpts_len == rd->rcpts_size) {
        size_t size = rd->rcpts_size == 0 ? 8 : rd->rcpts_size * 2;
        struct queue_rcpt *grown = arena_array(rd->arena, size, sizeof(*grown));

        if (qf->rcpts_len > 0)
            memcpy(grown, qf->rcpts, qf->rcpts_len * sizeof(*grown));
        qf->rcpts = grown;
        rd->rcpts_size = size;
    }
    qf->rcpts[qf->rcpts_len++] = (struct queue_rcpt){.address = address,
                                                     .orig = rd->orig,
                                                     .dsn_orcpt = rd->dsn_orcpt,
                                                     .dsn_notify = rd->dsn_notify,
                                                     .offset = offset};
}

static bool parse_rcpt(struct reading *rd, const struct record *rec)
{
    struct queue_file *qf = rd->qf;

    if (qf->rcpts_len < rd->max_rcpts) {
        const char *address = text_of(rd, rec->payload);

        if (address == NULL)
            return false;
        add_rcpt(rd, address, rec->offset);
    } else if (!qf->has_more_rcpts) {
        qf->has_more_rcpts = true;
        qf->next_rcpt_offset = rd->group_start;
        rd->at_end = rd->only_rcpts;
    }
    return true;
}

// The next record is the first behind M: goes on behind the content.
static bool skip_content(struct reading *rd, struct error *err)
{
    struct queue_file *qf = rd->qf;
    struct record rec;
    int64_t start = 0;

    if (rd->has_size || rd->only_rcpts) {
        int64_t behind;

        if (__builtin_add_overflow(qf->data_offset, qf->content_size, &behind))
            return error_perm(err, "5.3.0", "content size out of range");
        record_reader_jump(rd->records, behind);
        return true;
    }
    // A file from postdrop(1) does not say how long its content is.
    for (;;) {
        enum record_result result = record_next(rd->records, &rec, err);

        if (result == RECORD_BROKEN)
            return false;
        if (result == RECORD_END_OF_FILE)
            return error_perm(err, "5.3.0", "content without end");
        if (start == 0)
            qf->data_offset = start = rec.offset;
        if (rec.type == REC_EXTRACTED)
            break;
        if (rec.type != REC_LINE && rec.type != REC_CONTINUED && rec.type != REC_PADDING)
            return error_perm(err, "5.3.0", "record type %d inside the content", rec.type);
        qf->message_length += (int64_t)rec.payload.len + (rec.type == REC_LINE);
    }
    qf->content_size = rec.offset - start;
    return true;
}

static bool bad_record(const struct record *rec, struct error *err)
{
    return error_perm(err, "5.3.0", "malformed record of type %c at offset %lld",
                      rec->type > ' ' && rec->type < 0x7f ? rec->type : '?',
                      (long long)rec->offset);
}

// Records that are texts of the envelope, by their type.
static const char **text_slot(struct queue_file *qf, int type)
{
    switch (type) {
    case REC_FULL_NAME:
        return &qf->full_name;
    case REC_INSPECT:
        return &qf->inspect;
    case REC_FILTER:
        return &qf->filter;
    case REC_REDIRECT:
        return &qf->redirect;
    case REC_VERP:
        return &qf->verp;
    default:
        return NULL;
    }
}

static bool take_record(struct reading *rd, const struct record *rec, struct error *err)
{
    struct queue_file *qf = rd->qf;
    bool good = true;

    switch (rec->type) {
    case REC_RCPT:
        good = parse_rcpt(rd, rec);
        start_group(rd);
        break;
    case REC_DONE:
    case REC_CANCELLED:
        start_group(rd);
        break;
    case REC_ORIG_RCPT:
        good = set_text(rd, rec->payload, &rd->orig);
        break;
    case REC_ATTR:
        good = parse_attr(rd, rec->payload);
        break;
    case REC_SIZE:
        good = rd->only_rcpts || parse_size(rd, rec->payload);
        break;
    case REC_TIME:
        good = rd->only_rcpts || parse_time(rd, rec->payload);
        break;
    case REC_FROM:
        good = rd->only_rcpts || set_text(rd, rec->payload, &qf->sender);
        rd->has_sender = true;
        start_group(rd);
        break;
    case REC_WARN:
        good = rd->only_rcpts || parse_warn_time(rd, rec);
        break;
    case REC_MESSAGE:
        return skip_content(rd, err);
    case REC_END:
        rd->at_end = true;
        break;
    default:
        if (!rd->only_rcpts && text_slot(qf, rec->type) != NULL)
            good = set_text(rd, rec->payload, text_slot(qf, rec->type));
        break; // records that other versions may add are of no concern here
    }
    return good || bad_record(rec, err);
}

static bool read_records(struct reading *rd, struct error *err)
{
    struct record rec;

    start_group(rd);
    while (!rd->at_end) {
        err->kind = ERROR_NONE;
        switch (record_next(rd->records, &rec, err)) {
        case RECORD_OK:
            break;
        case RECORD_END_OF_FILE:
            return error_perm(err, "5.3.0", "no end record");
        case RECORD_BROKEN:
            return false;
        }
        if (rd->group_start == 0)
            rd->group_start = rec.offset;
        if (!take_record(rd, &rec, err))
            return false;
    }
    return true;
}

static bool is_unfinished(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && !(st.st_mode & S_IXUSR);
}

bool queue_file_read(struct arena *arena, int fd, size_t max_rcpts, struct queue_file *qf,
                     struct error *err)
{
    struct error own_err;
    struct queue_file read = {.full_name = "",
                              .sender = "",
                              .filter = "",
                              .inspect = "",
                              .redirect = "",
                              .verp = "",
                              .envelope_id = "",
                              .encoding = "",
                              .rewrite_context = "",
                              .log_ident = ""};
    struct reading rd = {.arena = arena,
                         .records = record_reader_open(fd, arena),
                         .qf = &read,
                         .max_rcpts = max_rcpts};

    if (err == NULL)
        err = &own_err;
    memcpy(read.id, qf->id, sizeof(read.id));
    bool good = read_records(&rd, err);

    if (good && !rd.has_sender)
        good = error_perm(err, "5.3.0", "no sender record");
    if (!good) {
        if (err->kind == ERROR_PERMANENT && is_unfinished(fd))
            err->kind = ERROR_TEMPORARY;
        return false;
    }
    *qf = read;
    return true;
}

bool queue_file_read_more(struct arena *arena, int fd, size_t max_rcpts,
                          struct queue_file *qf, struct error *err)
{
    struct error own_err;
    struct queue_file read = *qf;
    struct reading rd = {.arena = arena,
                         .records = record_reader_open(fd, arena),
                         .qf = &read,
                         .max_rcpts = max_rcpts,
                         .only_rcpts = true};

    if (err == NULL)
        err = &own_err;
    read.rcpts = NULL;
    read.rcpts_len = 0;
    read.has_more_rcpts = false;
    if (qf->has_more_rcpts) {
        record_reader_seek(rd.records, qf->next_rcpt_offset);
        if (!read_records(&rd, err))
            return false;
    }
    *qf = read;
    return true;
}

// ---- changing in place
// -------------------------------------------------------------------

bool queue_file_mark_done(int fd, int64_t offset, struct error *err)
{
    char type;

    if (offset <= 0)
        return error_perm(err, "5.3.0", "mark recipient at offset %lld", (long long)offset);
    if (fd_pread_full(fd, &type, 1, offset) != 1)
        return error_temp(err, "4.3.0", "read queue file: %m");
    if (type == REC_DONE)
        return true;
    if (type != REC_RCPT)
        return error_perm(err, "5.3.0", "no recipient at offset %lld", (long long)offset);
    type = REC_DONE;
    if (!fd_pwrite_all(fd, &type, 1, offset))
        return error_temp(err, "4.3.0", "update queue file: %m");
    return true;
}

bool queue_file_clear_warning(int fd, const struct queue_file *qf, struct error *err)
{
    char header[2], zero[W_PAYLOAD + 1];

    if (qf->warn_offset == 0)
        return true;
    if (fd_pread_full(fd, header, sizeof(header), qf->warn_offset) != sizeof(header))
        return error_temp(err, "4.3.0", "read queue file: %m");
    if (header[0] != REC_WARN || header[1] != W_PAYLOAD)
        return error_perm(err, "5.3.0", "no warning time at offset %lld",
                          (long long)qf->warn_offset);
    snprintf(zero, sizeof(zero), "%*d", W_PAYLOAD, 0);
    if (!fd_pwrite_all(fd, zero, W_PAYLOAD, qf->warn_offset + 2))
        return error_temp(err, "4.3.0", "update queue file: %m");
    return true;
}
