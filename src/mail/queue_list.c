// queue_list: walking the whole queue for those who show it: showq(8), and postqueue(1)
// when the mail system is down. Memory does not grow with the number of files.
#include "mail/queue_list.h"
#include "mail/record.h"
#include "util/stream.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

// compat: the order of Postfix's listing.
static const char *const queues[] = {"maildrop", "active", "incoming", "deferred", "hold"};

#define LOG_LINE_MAX 65536
#define FORCED_EXPIRE S_IXGRP

struct known { // a recipient that the defer log named
    int64_t offset;
    UT_hash_handle hh;
};

struct walk {
    const struct queue_dir *q;
    const char *null_sender;
    long known_limit;
    const struct queue_lister *lister;
    void *ctx;
    struct arena *arena; // of the file at hand
    struct known *known;
    bool stopped;
};

// ---- the defer log
// ----------------------------------------------------------------------------

static void remember(struct walk *w, int64_t offset)
{
    struct known *k;

    if (offset <= 0 || (long)HASH_COUNT(w->known) >= w->known_limit)
        return;
    HASH_FIND(hh, w->known, &offset, sizeof(offset), k);
    if (k != NULL)
        return;
    k = ARENA_NEW(w->arena, struct known);
    k->offset = offset;
    HASH_ADD(hh, w->known, offset, sizeof(k->offset), k);
}

static bool is_known(const struct walk *w, int64_t offset)
{
    struct known *k;

    HASH_FIND(hh, w->known, &offset, sizeof(offset), k);
    return k != NULL;
}

struct log_entry {
    char *rcpt, *reason;
    long offset;
};

static void end_entry(struct walk *w, struct log_entry *e)
{
    struct listed_rcpt r = {e->rcpt, e->reason == NULL ? "" : e->reason};

    if (e->rcpt != NULL && !w->stopped && (e->offset <= 0 || !is_known(w, e->offset))) {
        remember(w, e->offset);
        if (!w->lister->rcpt(w->ctx, &r))
            w->stopped = true;
    }
    free(e->rcpt);
    free(e->reason);
    *e = (struct log_entry){0};
}

static void keep(char **slot, struct str value)
{
    free(*slot);
    *slot = mem_alloc(value.len + 1);
    memcpy(*slot, value.ptr, value.len);
}

// "name=value" lines, an empty line at the end of each entry.
static void take_line(struct walk *w, struct str line, struct log_entry *e)
{
    if (line.len == 0) {
        end_entry(w, e);
    } else if (!str_is_text(line)) {
        return;
    } else if (str_starts(line, "recipient=")) {
        struct str value = str_from(line, strlen("recipient="));

        keep(&e->rcpt, str_is(value, "<>") ? STR_LIT("") : value);
    } else if (str_starts(line, "reason=")) {
        keep(&e->reason, str_from(line, strlen("reason=")));
    } else if (str_starts(line, "offset=")) {
        if (!str_to_long(str_from(line, strlen("offset=")), &e->offset))
            e->offset = 0;
    }
}

static void list_defer_log(struct walk *w, const char *id)
{
    int fd = queue_open(w->q, "defer", id, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, NULL);
    struct log_entry e = {0};
    char buffer[8192];
    struct buf *pending;
    ssize_t got;

    if (fd < 0)
        return;
    pending = buf_make(w->arena, LOG_LINE_MAX + sizeof(buffer));
    while (!w->stopped && (got = read(fd, buffer, sizeof(buffer))) > 0) {
        size_t end;

        if (!buf_append(pending, str_n(buffer, (size_t)got)))
            break; // no log of ours has such a line
        while ((end = str_index(buf_view(pending), '\n')) != SIZE_MAX) {
            take_line(w, str_sub(buf_view(pending), 0, end), &e);
            buf_consume(pending, end + 1);
        }
    }
    end_entry(w, &e);
    close(fd);
}

// ---- the queue file
// -----------------------------------------------------------------------------

struct file {
    const char *queue, *id;
    struct stat st;
    long content_size, data_offset, message_size, arrival;
    bool has_size_record, told;
};

static void parse_size(struct file *f, struct str payload)
{
    char text[128];
    long rcpts, flags;

    if (payload.len >= sizeof(text))
        return;
    memcpy(text, payload.ptr, payload.len);
    text[payload.len] = '\0';
    int got = sscanf(text, "%ld %ld %ld %ld %ld", &f->content_size, &f->data_offset, &rcpts,
                     &flags, &f->message_size);

    f->has_size_record = got >= 2 && f->content_size >= 0 && f->data_offset > 0;
    if (got < 5)
        f->message_size = f->content_size;
}

static void tell_message(struct walk *w, struct file *f, struct str sender)
{
    const char *text = sender.len == 0 || !str_is_text(sender)
                           ? w->null_sender
                           : arena_text(w->arena, sender);
    int64_t size = f->has_size_record ? f->content_size : f->st.st_size;
    int64_t arrival = f->arrival > 0 ? f->arrival : f->st.st_mtime;

    f->told = true;
    if (!w->lister->message(w->ctx, f->queue, f->id, arrival, size,
                            (f->st.st_mode & FORCED_EXPIRE) != 0, text))
        w->stopped = true;
    else if (strcmp(f->queue, "maildrop") != 0)
        list_defer_log(w, f->id);
}

static void tell_rcpt(struct walk *w, const struct record *rec)
{
    struct listed_rcpt r = {"", ""};

    if (is_known(w, rec->offset) || !str_is_text(rec->payload))
        return;
    r.address = arena_text(w->arena, rec->payload);
    if (!w->lister->rcpt(w->ctx, &r))
        w->stopped = true;
}

// False at the end of what matters.
static bool take_record(struct walk *w, struct record_reader *reader,
                        const struct record *rec, struct file *f, bool *in_content)
{
    long sec;

    if (*in_content && rec->type != REC_EXTRACTED)
        return rec->type != REC_END;
    switch (rec->type) {
    case REC_SIZE:
        parse_size(f, rec->payload);
        break;
    case REC_TIME:
        if (str_to_long(str_sub(rec->payload, 0, str_index(rec->payload, ' ')), &sec))
            f->arrival = sec;
        break;
    case REC_FROM:
        if (!f->told)
            tell_message(w, f, rec->payload);
        break;
    case REC_RCPT:
        if (f->told)
            tell_rcpt(w, rec);
        break;
    case REC_MESSAGE:
        *in_content = true;
        if (f->has_size_record)
            record_reader_jump(reader, f->data_offset + f->content_size);
        break;
    case REC_EXTRACTED:
        *in_content = false;
        break;
    case REC_END:
        return false;
    default:
        break;
    }
    return true;
}

static void list_file(struct walk *w, struct file *f, int fd)
{
    struct record_reader *reader = record_reader_open(fd, w->arena);
    struct record rec;
    struct error err;
    bool in_content = false;

    while (!w->stopped && record_next(reader, &rec, &err) == RECORD_OK)
        if (!take_record(w, reader, &rec, f, &in_content))
            break;
    if (f->told && !w->stopped && !w->lister->message_end(w->ctx))
        w->stopped = true;
}

static void list_path(struct walk *w, const char *queue, const char *id, const char *path)
{
    struct file f = {.queue = queue, .id = id};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return; // moved on, or not for us
    if (fstat(fd, &f.st) == 0 && S_ISREG(f.st.st_mode) && (f.st.st_mode & S_IXUSR))
        list_file(w, &f, fd);
    close(fd);
    HASH_CLEAR(hh, w->known);
    arena_reset(w->arena);
}

void queue_list(const struct queue_dir *q, const char *null_sender, long known_limit,
                const struct queue_lister *lister, void *ctx)
{
    struct walk w = {.q = q,
                     .null_sender = null_sender,
                     .lister = lister,
                     .ctx = ctx,
                     .known_limit = known_limit == 0 ? 1000 : known_limit};
    char name[64], path[QUEUE_PATH_SIZE];
    bool is_id;

    w.arena = arena_new();
    for (size_t i = 0; i < COUNT(queues) && !w.stopped; i++) {
        struct queue_scan *scan = queue_scan_open(q, queues[i]);

        while (!w.stopped && queue_scan_next(scan, name, path, &is_id))
            if (is_id)
                list_path(&w, queues[i], name, path);
        queue_scan_close(scan);
    }
    arena_free(w.arena);
}
