// postcat: shows queue files in readable form.
#include "config/config.h"
#include "mail/queue_dir.h"
#include "mail/queue_id.h"
#include "mail/record.h"
#include "util/file.h"
#include "util/help.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define COPY_BLOCK 65536

struct options {
    bool envelope, header, body; // what is shown
    bool decimal, file_names, queue_ids, offsets, file_order, verbose;
    int64_t start;
};

enum part { PART_ENVELOPE, PART_HEADER, PART_BODY, PART_EXTRACTED };

struct file {
    const struct options *opt;
    const char *name;
    FILE *out;
    enum part part;
    bool line_open; // text without newline stands on the current output line
};

// ---- one record
// --------------------------------------------------------------------------

static const struct label {
    int type;
    const char *text;
} labels[] = {
    {REC_SIZE,           "message_size"          },
    {REC_TIME,           "message_arrival_time"  },
    {REC_FULL_NAME,      "sender_fullname"       },
    {REC_INSPECT,        "content_inspector"     },
    {REC_FILTER,         "content_filter"        },
    {REC_FROM,           "sender"                },
    {REC_DONE,           "done_recipient"        },
    {REC_RCPT,           "recipient"             },
    {REC_ORIG_RCPT,      "original_recipient"    },
    {REC_CANCELLED,      "canceled_recipient"    },
    {REC_WARN,           "warning_message_time"  },
    {REC_ATTR,           "named_attribute"       },
    {REC_KILLED,         "killed_record"         },
    {REC_VERP,           "verp_delimiters"       },
    {REC_REDIRECT,       "redirect_to"           },
    {REC_FLAGS,          "flags"                 },
    {REC_LINE,           "regular_text"          },
    {REC_PADDING,        "padding"               },
    {REC_RETURN_RECEIPT, "return_receipt"        },
    {REC_ERRORS_TO,      "errors_to"             },
    {REC_PRIORITY,       "priority"              },
    {REC_POINTER,        "pointer_record"        },
    {REC_DSN_RET,        "dsn_return_flags"      },
    {REC_DSN_ENVID,      "dsn_envelope_id"       },
    {REC_DSN_ORCPT,      "dsn_original_recipient"},
    {REC_DSN_NOTIFY,     "dsn_notify_flags"      },
};

static const char *label_of(const struct file *f, int type)
{
    if (type == REC_CONTINUED && (f->part == PART_HEADER || f->part == PART_BODY))
        return "unterminated_text";
    for (size_t i = 0; i < COUNT(labels); i++)
        if (labels[i].type == type)
            return labels[i].text;
    return "unknown_record_type";
}

// What stands before each line: file name, offset, type.
static void start_line(struct file *f, const struct record *rec, int64_t offset)
{
    const struct options *opt = f->opt;

    if (f->line_open && (opt->offsets || opt->verbose)) {
        fputc('\n', f->out);
        f->line_open = false;
    }
    if (opt->file_names && !f->line_open)
        fprintf(f->out, "%s: ", f->name);
    if (opt->offsets)
        fprintf(f->out, "%9lld ", (long long)offset);
    if (opt->decimal)
        fprintf(f->out, "%3d ", rec->type);
}

static void print_bytes(struct file *f, struct str s)
{
    fwrite(s.ptr, 1, s.len, f->out);
}

static void print_time(struct file *f, struct str value)
{
    struct str word;
    long seconds;
    time_t when;
    char text[32];

    if (str_take(&value, " ", &word) && str_to_long(word, &seconds) &&
        (when = (time_t)seconds, ctime_r(&when, text) != NULL))
        fputs(text, f->out);
    else
        fputs("?\n", f->out);
}

static void print_labelled(struct file *f, const struct record *rec)
{
    struct str payload = rec->payload;
    const char *create_time = "create_time=";

    if (rec->type == REC_ATTR && str_starts(payload, create_time)) {
        fputs("create_time: ", f->out);
        print_time(f, str_from(payload, strlen(create_time)));
        return;
    }
    fprintf(f->out, "%s: ", label_of(f, rec->type));
    if (rec->type == REC_TIME || rec->type == REC_WARN) {
        print_time(f, payload);
        return;
    }
    print_bytes(f, payload);
    fputc('\n', f->out);
}

static void print_banner(struct file *f, const char *title)
{
    if (f->line_open)
        fputc('\n', f->out);
    f->line_open = false;
    fprintf(f->out, "*** %s %s ***\n", title, f->name);
}

static void print_content(struct file *f, const struct record *rec)
{
    if (f->opt->verbose) {
        print_labelled(f, rec);
        return;
    }
    print_bytes(f, rec->payload);
    f->line_open = rec->type == REC_CONTINUED;
    if (!f->line_open)
        fputc('\n', f->out);
}

// ---- the file's parts
// --------------------------------------------------------------------

// "name:" as RFC 5322 2.2 wants it.
static bool is_header_line(struct str line)
{
    size_t colon = str_index(line, ':');

    if (colon == SIZE_MAX || colon == 0)
        return false;
    for (size_t i = 0; i < colon; i++)
        if ((unsigned char)line.ptr[i] <= ' ' || (unsigned char)line.ptr[i] >= 0x7f)
            return line.ptr[i] == ' ' && str_trim(str_sub(line, i, colon - i)).len == 0;
    return true;
}

// Whether this content record, the first of its line or not, begins the body.
static bool begins_body(const struct record *rec, bool at_line_start)
{
    struct str text = rec->payload;

    if (!at_line_start)
        return false;
    if (text.len == 0)
        return true;
    return text.ptr[0] != ' ' && text.ptr[0] != '\t' && !is_header_line(text);
}

static bool is_text(int type)
{
    return type == REC_LINE || type == REC_CONTINUED;
}

static bool is_in_content(const struct file *f)
{
    return f->part == PART_HEADER || f->part == PART_BODY;
}

static bool is_shown(const struct file *f, const struct record *rec)
{
    // compat: placeholders and padding are of interest to those only who ask for details.
    if ((rec->type == REC_POINTER || rec->type == REC_PADDING) && !f->opt->verbose)
        return false;
    if (!is_in_content(f) || !is_text(rec->type))
        return f->opt->envelope;
    return f->part == PART_HEADER ? f->opt->header : f->opt->body;
}

// M, X and E start and end the parts.
static bool take_border(struct file *f, const struct record *rec, int64_t offset)
{
    static const struct {
        int type;
        enum part part;
        const char *title;
    } borders[] = {
        {REC_MESSAGE,   PART_HEADER,    "MESSAGE CONTENTS"},
        {REC_EXTRACTED, PART_EXTRACTED, "HEADER EXTRACTED"},
        {REC_END,       PART_ENVELOPE,  "MESSAGE FILE END"},
    };

    for (size_t i = 0; i < COUNT(borders); i++) {
        if (rec->type != borders[i].type)
            continue;
        if (f->opt->envelope) {
            if (f->line_open)
                fputc('\n', f->out);
            f->line_open = false;
            start_line(f, rec, offset);
            print_banner(f, borders[i].title);
        }
        f->part = borders[i].part;
        return true;
    }
    return false;
}

static bool show_records(struct file *f, struct record_reader *records)
{
    int64_t offset = -1; // where the record shown next began, skipped ones included
    bool at_line_start = true;
    struct record rec;
    struct error err;

    for (;;) {
        switch (record_next(records, &rec, &err)) {
        case RECORD_END_OF_FILE:
            return true;
        case RECORD_BROKEN:
            fflush(f->out);
            log_warn("%s: %s", f->name, err.text);
            return false;
        case RECORD_OK:
            break;
        }
        if (offset < 0)
            offset = rec.offset;
        if (!f->opt->verbose && (rec.type == REC_POINTER || rec.type == REC_PADDING))
            continue;
        int64_t shown_offset = offset;

        offset = -1;
        if (take_border(f, &rec, shown_offset)) {
            at_line_start = true;
            if (rec.type == REC_END)
                return true;
            continue;
        }
        if (f->part == PART_HEADER && is_text(rec.type) && begins_body(&rec, at_line_start))
            f->part = PART_BODY;
        if (is_shown(f, &rec)) {
            start_line(f, &rec, shown_offset);
            if (rec.type == REC_LINE || (rec.type == REC_CONTINUED && is_in_content(f)))
                print_content(f, &rec);
            else
                print_labelled(f, &rec);
        }
        at_line_start = rec.type != REC_CONTINUED;
    }
}

// Something that looks like the start of a queue file.
static bool is_queue_file(int fd)
{
    char type;

    return fd_pread_full(fd, &type, 1, 0) < 1 || type == REC_SIZE || type == REC_TIME;
}

static void show_file(const struct options *opt, int fd, const char *name)
{
    struct file f = {.opt = opt, .name = name, .out = stdout};
    struct arena *arena = arena_new();
    struct record_reader *records = record_reader_open(fd, arena);
    char byte;

    if (opt->start == 0 && !is_queue_file(fd)) {
        log_warn("%s: input is not a valid queue file", name);
    } else if (fd_pread_full(fd, &byte, 1, opt->start) == 1) {
        record_reader_follow(records, !opt->file_order);
        // To show pointers with -v they must not be followed silently.
        record_reader_show_pointers(records, opt->verbose);
        record_reader_seek(records, opt->start);
        if (opt->envelope && opt->start == 0)
            print_banner(&f, "ENVELOPE RECORDS");
        if (!show_records(&f, records))
            log_fatal("record read error");
        if (f.line_open)
            fputc('\n', f.out);
    }
    arena_free(arena);
    if (fflush(stdout) != 0)
        log_fatal("write standard output: %m");
}

// ---- finding files
// -----------------------------------------------------------------------

static int open_queue_id(const struct mail_config *mail, const char *id,
                         char path[QUEUE_PATH_SIZE])
{
    static const char *const queues[] = {"maildrop", "incoming", "active", "deferred",
                                         "hold",     "corrupt",  "saved"};
    struct queue_dir q;

    if (!queue_id_is_valid(str_c(id)))
        log_fatal("bad mail queue ID: %s", id);
    queue_dir_init(&q, mail);
    // A file on its way from one queue to the next is looked for once more.
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT(queues); i++) {
            int fd = queue_open(&q, queues[i], id, O_RDONLY, path);

            if (fd >= 0)
                return fd;
            if (errno != ENOENT)
                log_fatal("open queue file %s: %m", id);
        }
    errno = ENOENT;
    log_fatal("open queue file %s: %m", id);
}

// Pointers need a file: what comes through a pipe is copied first.
static int seekable_input(void)
{
    char block[COPY_BLOCK];
    ssize_t got;
    int copy;

    if (lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0)
        return STDIN_FILENO;
    copy = memfd_create("postcat", MFD_CLOEXEC);
    if (copy < 0)
        log_fatal("make a copy of standard input: %m");
    while ((got = fd_read_full(STDIN_FILENO, block, sizeof(block))) > 0)
        if (!fd_write_all(copy, block, (size_t)got))
            log_fatal("make a copy of standard input: %m");
    if (got < 0)
        log_fatal("read standard input: %m");
    return copy;
}

static void show_named(const struct options *opt, const struct mail_config *mail,
                       const char *name)
{
    char path[QUEUE_PATH_SIZE];
    int fd =
        opt->queue_ids ? open_queue_id(mail, name, path) : open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        log_fatal("open %s: %m", name);
    show_file(opt, fd, opt->queue_ids ? path : name);
    close(fd);
}

static _Noreturn void usage(const char *program)
{
    log_fatal("usage: %s [-b (body text)] [-c config_dir] [-d (decimal record type)] "
              "[-e (envelope records)] [-f (file name prefix)] [-h (header text)] "
              "[-o (offsets)] [-q (access queue)] [-r (file order)] [-s offset] [-v] "
              "[file(s)...]",
              program);
}

static void parse_options(int argc, char **argv, struct options *opt, const char **dir)
{
    long number;
    int letter;

    while ((letter = getopt(argc, argv, "bc:defhoqrs:v")) != -1) {
        switch (letter) {
        case 'b':
            opt->body = true;
            break;
        case 'c':
            *dir = optarg;
            break;
        case 'd':
            opt->decimal = true;
            break;
        case 'e':
            opt->envelope = true;
            break;
        case 'f':
            opt->file_names = true;
            break;
        case 'h':
            opt->header = true;
            break;
        case 'o':
            opt->offsets = true;
            break;
        case 'q':
            opt->queue_ids = true;
            break;
        case 'r':
            opt->file_order = true;
            break;
        case 's':
            if (!str_to_long(str_c(optarg), &number) || number < 0)
                log_fatal("bad offset: %s", optarg);
            opt->start = number;
            break;
        case 'v':
            opt->verbose = true;
            break;
        default:
            usage(argv[0]);
        }
    }
    if (!opt->envelope && !opt->header && !opt->body)
        opt->envelope = opt->header = opt->body = true;
}

static const char help[] =
    "usage: postcat [options] [file...]\n"
    "Shows queue files in readable form.\n"
    "  -q        arguments are queue IDs      -e -h -b  only envelope, header, body\n"
    "  -o        offset of each record        -d        record types as numbers\n"
    "  -f        file name before each line   -r        records in file order\n"
    "  -s offset start there                  -c dir    configuration folder\n"
    "  -v        more detail\n";

int main(int argc, char **argv)
{
    struct options opt = {0};
    const char *dir = NULL;
    struct error err;

    help_if_asked(argc, argv, help);
    log_open("postfix/postcat", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    parse_options(argc, argv, &opt, &dir);
    struct config *cfg = config_open(dir, NULL, 0, &err);

    if (cfg == NULL)
        log_fatal("%s", err.text);
    const struct mail_config *mail = config_mail(cfg);

    if (opt.queue_ids && chdir(mail->queue_directory) < 0)
        log_fatal("chdir %s: %m", mail->queue_directory);
    if (optind == argc)
        show_file(&opt, seekable_input(), "stdin");
    for (int i = optind; i < argc; i++)
        show_named(&opt, mail, argv[i]);
    config_free(cfg);
    return EX_OK;
}
