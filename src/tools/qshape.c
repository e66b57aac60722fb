// qshape: how the queue's mail is spread over domains and ages.
#include "config/config.h"
#include "mail/queue_id.h"
#include "mail/record.h"
#include "tools/qshape_count.h"
#include "util/log.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: qshape [ -s ] [ -p ] [ -m <min_subdomains> ] [ -l ]\n"
    "\t[ -b <bucket_count> ] [ -t <bucket_time> ] [ -w <terminal_width> ]\n"
    "\t[ -N <batch_msg_count> ] [ -n <batch_top_domains> ]\n"
    "\t[ -c <config_directory> ] [ <queue_name> ... ]\n";

// nftw(3) hands nothing through.
static struct {
    struct qshape_options opt;
    struct counts *counts;
    struct arena *arena;
    long messages;
} run;

// ---- one file
// ---------------------------------------------------------------------------------

struct envelope {
    int64_t arrival;
    long content_size, data_offset;
    bool has_size, has_sender;
    struct str sender;
    struct str *rcpts;
    size_t rcpts_len, rcpts_size;
};

static void keep_rcpt(struct envelope *e, struct str rcpt)
{
    if (e->rcpts_len == e->rcpts_size) {
        size_t size = e->rcpts_size * 2 + 8;
        struct str *more = arena_array(run.arena, size, sizeof(*more));

        if (e->rcpts_len > 0)
            memcpy(more, e->rcpts, e->rcpts_len * sizeof(*more));
        e->rcpts = more;
        e->rcpts_size = size;
    }
    e->rcpts[e->rcpts_len++] = arena_str(run.arena, rcpt);
}

static void take_size(struct envelope *e, struct str payload)
{
    struct str size, offset;

    e->has_size = str_take(&payload, " ", &size) && str_take(&payload, " ", &offset) &&
                  str_to_long(size, &e->content_size) &&
                  str_to_long(offset, &e->data_offset) && e->content_size >= 0;
}

// False at the end of what matters; `*complete` when that was the end of the file.
static bool take_record(struct envelope *e, struct record_reader *reader,
                        const struct record *rec, bool *complete)
{
    struct str rest = rec->payload, first;
    long sec;

    switch (rec->type) {
    case REC_SIZE:
        take_size(e, rec->payload);
        return true;
    case REC_TIME:
        if (str_take(&rest, " ", &first) && str_to_long(first, &sec))
            e->arrival = sec;
        return true;
    case REC_FROM:
        e->sender = arena_str(run.arena, rec->payload);
        e->has_sender = true;
        return true;
    case REC_RCPT:
        keep_rcpt(e, rec->payload);
        return true;
    case REC_MESSAGE:
        if (e->has_size)
            record_reader_jump(reader, e->data_offset + e->content_size);
        return true;
    case REC_END:
        *complete = true;
        return false;
    default:
        return true;
    }
}

static void count_file(int fd, const struct stat *st)
{
    struct record_reader *reader = record_reader_open(fd, run.arena);
    struct envelope e = {.arrival = st->st_mtime};
    struct record rec;
    struct error err;
    bool complete = false;

    while (record_next(reader, &rec, &err) == RECORD_OK)
        if (!take_record(&e, reader, &rec, &complete))
            break;
    if (!complete || !e.has_sender || e.rcpts_len == 0)
        return;
    if (run.opt.by_sender)
        counts_add(run.counts, e.arrival, e.sender);
    for (size_t i = 0; i < e.rcpts_len && !run.opt.by_sender; i++)
        counts_add(run.counts, e.arrival, e.rcpts[i]);
    if (run.opt.batch > 0 && ++run.messages % run.opt.batch == 0) {
        fputs("\033[H\033[2J", stdout);
        counts_print(run.counts, stdout);
    }
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type != FTW_F || !S_ISREG(st->st_mode) || (st->st_mode & 0733) != 0700 ||
        !queue_id_is_valid(str_c(path + ftw->base)))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0) {
        count_file(fd, st);
        close(fd);
        arena_reset(run.arena);
    }
    return 0;
}

// ---- options
// ------------------------------------------------------------------------------------

static long positive(const char *text, long otherwise, long least)
{
    long value;

    return str_to_long(str_c(text), &value) && value >= least ? value : otherwise;
}

static const char *parse_options(int argc, char **argv, struct qshape_options *opt)
{
    const char *dir = NULL;
    int letter;

    while ((letter = getopt(argc, argv, "lhc:psw:b:t:m:n:N:")) != -1) {
        switch (letter) {
        case 's':
            opt->by_sender = true;
            break;
        case 'p':
            opt->parents = true;
            break;
        case 'l':
            opt->linear = true;
            break;
        case 'm':
            opt->min_subdomains = positive(optarg, opt->min_subdomains, 1);
            break;
        case 'b':
            opt->buckets = positive(optarg, opt->buckets, 1);
            break;
        case 't':
            opt->tick_minutes = positive(optarg, opt->tick_minutes, 1);
            break;
        case 'w':
            opt->width = positive(optarg, opt->width, 81);
            break;
        case 'N':
            opt->batch = positive(optarg, opt->batch, 0);
            break;
        case 'n':
            opt->top = positive(optarg, opt->top, 0);
            break;
        case 'c':
            dir = optarg;
            break;
        default:
            fputs(usage_text, stderr);
            exit(1);
        }
    }
    return dir;
}

static void enter_queue(const char *dir, char **names)
{
    struct error err;
    bool needed = false;

    for (; *names != NULL; names++)
        needed = needed || (*names)[0] != '/';
    if (!needed)
        return;
    struct config *cfg = config_open(dir, NULL, 0, &err);

    if (cfg == NULL)
        log_fatal("%s", err.text);
    if (chdir(config_mail(cfg)->queue_directory) != 0)
        log_fatal("chdir(%s): %m", config_mail(cfg)->queue_directory);
}

int main(int argc, char **argv)
{
    char *both[] = {"incoming", "active", NULL};
    bool on_terminal = isatty(STDOUT_FILENO);

    log_open("postfix/qshape", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    run.opt = (struct qshape_options){.min_subdomains = 5,
                                      .buckets = 10,
                                      .tick_minutes = 5,
                                      .width = 80,
                                      .batch = 1000,
                                      .top = 20};
    const char *dir = parse_options(argc, argv, &run.opt);
    char **names = optind < argc ? argv + optind : both;

    if (!on_terminal)
        run.opt.batch = run.opt.top = 0;
    enter_queue(dir, names);
    run.arena = arena_new();
    run.counts = counts_new(&run.opt, moment_now().sec);
    for (; *names != NULL; names++)
        if (nftw(*names, visit, 16, FTW_PHYS) != 0)
            log_warn("Can't stat %s: %m", *names);
    counts_print(run.counts, stdout);
    counts_free(run.counts);
    arena_free(run.arena);
    return 0;
}
