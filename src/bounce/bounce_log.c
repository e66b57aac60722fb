// bounce_log: the text files bounce/ID, defer/ID and trace/ID: what became of recipients so
// far.
#include "bounce/bounce_log.h"
#include "mail/address.h"
#include "util/file.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

// A report about more than this is cut: nobody reads it.
#define LOG_MAX (256u << 20)

// ---- writing
// -----------------------------------------------------------------------------

// One line of text: control bytes would end it or the entry.
static bool put_value(struct buf *out, const char *name, const char *value)
{
    if (value == NULL || *value == 0)
        return true;
    struct arena *arena = arena_new();
    char *line = arena_strdup(arena, value);

    for (char *c = line; *c != 0; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ascii_is_space(*c) ? ' ' : '?';
    for (size_t len = strlen(line); len > 0 && line[len - 1] == ' '; len--)
        line[len - 1] = '\0'; // such as the newline that ended a command's output
    bool fits = buf_printf(out, "%s=%s\n", name, line);
    arena_free(arena);
    return fits;
}

static bool put_number(struct buf *out, const char *name, int64_t value)
{
    return value == 0 || buf_printf(out, "%s=%lld\n", name, (long long)value);
}

// compat: the entry's head, "<address>: reason", which old readers know.
static bool put_head(struct buf *out, const struct bounce_rcpt *r)
{
    struct arena *arena = arena_new();
    char *head =
        arena_printf(arena, "<%s>: %s", address_quote(arena, r->address), r->reason);

    for (char *c = head; *c != 0; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    bool fits = buf_printf(out, "%s\n", head);
    arena_free(arena);
    return fits;
}

static bool put_entry(struct buf *out, const struct bounce_rcpt *r,
                      bool backwards_compatible)
{
    return buf_append_c(out, "\n") && (!backwards_compatible || put_head(out, r)) &&
           put_value(out, "recipient", *r->address == 0 ? "<>" : r->address) &&
           (strcasecmp(r->orig, r->address) == 0 ||
            put_value(out, "original_recipient", r->orig)) &&
           put_number(out, "offset", r->offset) &&
           put_value(out, "dsn_orig_rcpt", r->dsn_orcpt) &&
           put_number(out, "notify_flags", r->dsn_notify) &&
           put_value(out, "status", r->status) && put_value(out, "action", r->action) &&
           put_value(out, "diag_type", r->diag_type) &&
           put_value(out, "diag_text", r->diag_text) &&
           put_value(out, "mta_type", r->mta_type) &&
           put_value(out, "mta_mname", r->mta_name) &&
           put_value(out, "reason", r->reason) && buf_append_c(out, "\n");
}

static bool write_entries(int fd, struct str data, bool sync, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_temp(err, "4.3.0", "stat log: %m");
    if (fd_write_all(fd, data.ptr, data.len) && (!sync || fsync(fd) == 0))
        return true;
    error_temp(err, "4.3.0", "write log: %m");
    // What was written in part must not spoil the entries before.
    if (ftruncate(fd, st.st_size) < 0)
        error_prefix(err, "cannot shorten it either");
    return false;
}

bool bounce_log_append(const struct queue_dir *q, const char *queue, const char *id,
                       const struct bounce_rcpt *rcpts, size_t len,
                       bool backwards_compatible, bool sync, struct error *err)
{
    char path[QUEUE_PATH_SIZE];
    struct buf *out = buf_new(LOG_MAX);
    bool good = true;

    for (size_t i = 0; i < len && good; i++)
        good = put_entry(out, &rcpts[i], backwards_compatible);
    if (!good) {
        buf_free(out);
        return error_temp(err, "4.3.0", "too many recipients for one log");
    }
    int fd = queue_open(q, queue, id, O_WRONLY | O_APPEND, path);
    bool is_new = fd < 0 && errno == ENOENT;

    if (is_new)
        fd = queue_open(q, queue, id, O_WRONLY | O_APPEND | O_CREAT, path);
    if (fd < 0) {
        error_temp(err, "4.3.0", "open %s %s: %m", queue, id);
        buf_free(out);
        return false;
    }
    // Other agents may append for the same message.
    good = fd_lock(fd, FILE_LOCK_EXCLUSIVE, true) &&
           write_entries(fd, buf_view(out), sync, err) &&
           (!sync || !is_new || file_sync_dir(path, err));
    close(fd);
    buf_free(out);
    return good;
}

// ---- reading
// -----------------------------------------------------------------------------

struct parsing {
    struct arena *arena;
    struct bounce_log *log;
    size_t size;
    struct bounce_rcpt entry;
    bool has_entry;
};

static const struct bounce_rcpt empty_entry = {.address = "",
                                               .orig = "",
                                               .dsn_orcpt = "",
                                               .status = "",
                                               .action = "",
                                               .reason = "",
                                               .diag_type = "",
                                               .diag_text = "",
                                               .mta_type = "",
                                               .mta_name = "",
                                               .relay = ""};

static void end_entry(struct parsing *p)
{
    struct bounce_log *log = p->log;

    if (p->has_entry) {
        if (log->len == p->size) {
            size_t size = p->size == 0 ? 8 : p->size * 2;
            struct bounce_rcpt *grown = arena_array(p->arena, size, sizeof(*grown));

            if (log->len > 0)
                memcpy(grown, log->rcpts, log->len * sizeof(*grown));
            log->rcpts = grown;
            p->size = size;
        }
        log->rcpts[log->len++] = p->entry;
    }
    p->entry = empty_entry;
    p->has_entry = false;
}

// compat: "<address>: reason", all that very old logs have.
static void take_head(struct parsing *p, struct str line)
{
    for (size_t i = 1; i + 2 < line.len; i++) {
        if (memcmp(line.ptr + i, ">: ", 3) != 0)
            continue;
        p->entry.address = address_unquote(p->arena, str_sub(line, 1, i - 1));
        p->entry.reason = arena_text(p->arena, str_from(line, i + 3));
        p->has_entry = true;
        return;
    }
}

static void take_pair(struct parsing *p, struct str name, struct str value)
{
    struct bounce_rcpt *e = &p->entry;
    const struct {
        const char *name;
        const char **text;
        int64_t *number;
    } fields[] = {
        {"recipient",          &e->address,   NULL          },
        {"original_recipient", &e->orig,      NULL          },
        {"offset",             NULL,          &e->offset    },
        {"dsn_orig_rcpt",      &e->dsn_orcpt, NULL          },
        {"notify_flags",       NULL,          &e->dsn_notify},
        {"status",             &e->status,    NULL          },
        {"action",             &e->action,    NULL          },
        {"diag_type",          &e->diag_type, NULL          },
        {"diag_text",          &e->diag_text, NULL          },
        {"mta_type",           &e->mta_type,  NULL          },
        {"mta_mname",          &e->mta_name,  NULL          },
        {"reason",             &e->reason,    NULL          },
    };
    long number;

    for (size_t i = 0; i < COUNT(fields); i++) {
        if (!str_is(name, fields[i].name))
            continue;
        p->has_entry = true;
        if (fields[i].text != NULL)
            *fields[i].text = arena_text(p->arena, value);
        else if (str_to_long(value, &number) && number >= 0)
            *fields[i].number = number;
        if (i == 0 && str_is(value, "<>"))
            e->address = "";
        return;
    }
}

void bounce_log_parse(struct arena *arena, struct str text, struct bounce_log *log)
{
    struct parsing p = {.arena = arena, .log = log, .entry = empty_entry};
    struct str line;

    *log = (struct bounce_log){0};
    while (str_take_line(&text, &line)) {
        size_t equals = str_index(line, '=');

        if (!str_is_text(line))
            continue;
        if (line.len == 0)
            end_entry(&p);
        else if (line.ptr[0] == '<')
            take_head(&p, line);
        else if (equals != SIZE_MAX)
            take_pair(&p, str_sub(line, 0, equals), str_from(line, equals + 1));
    }
    end_entry(&p);
}

bool bounce_log_read(const struct queue_dir *q, const char *queue, const char *id,
                     struct arena *arena, struct bounce_log *log, struct error *err)
{
    char path[QUEUE_PATH_SIZE];
    struct str text;
    int fd = queue_open(q, queue, id, O_RDONLY, path);

    *log = (struct bounce_log){0};
    if (fd < 0)
        return errno == ENOENT || error_temp(err, "4.3.0", "open %s %s: %m", queue, id);
    close(fd);
    if (!file_read_all(arena, path, LOG_MAX, &text, err))
        return false;
    bounce_log_parse(arena, text, log);
    return true;
}
