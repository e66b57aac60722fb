// qshape: how queued mail is spread over domains and ages.
#include "config/config.h"
#include "mail/queue_file.h"
#include "util/help.h"
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

enum {
    BUCKETS_MAX = 64,
    RCPTS_AT_ONCE = 1000,
    SCREEN_WIDTH = 80,
    NAME_WIDTH_MIN = 18,
    ID_LENGTH_MIN = 6, // five digits of microseconds and one of the inode
    EXIT_USAGE = 255,  // compat: tests/e2e/test_queue_tools.py
};

struct options {
    bool senders, parents, linear;
    long min_subdomains, buckets, width, batch, top;
    double first_bucket; // minutes
    const char *dir;
};

// One row of the table: a domain, or with a leading dot all that is below it.
struct row {
    char *name;
    long total, counts[BUCKETS_MAX];
    long children; // rows one level below, domains and parents apart
    UT_hash_handle hh;
};

struct shape {
    const struct options *opt;
    struct row *rows; // hash by name
    struct row total;
    int64_t now;
    long messages;
    bool on_terminal;
};

static _Noreturn void usage(void)
{
    fputs("Usage: qshape [ -s ] [ -p ] [ -m <min_subdomains> ] [ -l ]\n"
          "\t[ -b <bucket_count> ] [ -t <bucket_time> ] [ -w <terminal_width> ]\n"
          "\t[ -N <batch_msg_count> ] [ -n <batch_top_domains> ]\n"
          "\t[ -c <config_directory> ] [ <queue_name> ... ]\n"
          "  -s  senders instead of recipients   -p  sums for parent domains\n"
          "  -l  columns of equal length         -m  subdomains that make a parent\n"
          "  -b  number of columns               -t  length of the first in minutes\n",
          stderr);
    exit(EXIT_USAGE);
}

// ---- counting
// ---------------------------------------------------------------------------

// The age in minutes at which bucket `i` ends; the last one has no end.
static double bucket_limit(const struct options *opt, long i)
{
    return opt->linear ? opt->first_bucket * (double)(i + 1)
                       : opt->first_bucket * (double)(1L << i);
}

static long bucket_of(const struct shape *shape, int64_t arrival)
{
    double age = (double)(shape->now - arrival) / 60;
    long i = 0;

    while (i < shape->opt->buckets - 1 && age >= bucket_limit(shape->opt, i))
        i++;
    return i;
}

// The row called `name`; `*is_new` when there was none.
static struct row *find_row(struct shape *shape, const char *name, bool *is_new)
{
    struct row *row;

    HASH_FIND_STR(shape->rows, name, row);
    *is_new = row == NULL;
    if (row == NULL) {
        row = mem_alloc(sizeof(*row));
        row->name = mem_strdup(name);
        HASH_ADD_KEYPTR(hh, shape->rows, row->name, strlen(row->name), row);
    }
    return row;
}

static void add_count(struct row *row, long bucket, long n)
{
    row->total += n;
    row->counts[bucket] += n;
}

// Counts for all domains above `domain` that are not top-level ones. A row that is seen for
// the first time is one child more of the row above it.
static void count_parents(struct shape *shape, const char *domain, long bucket, long n,
                          bool is_new)
{
    for (const char *dot = strchr(domain, '.'); dot != NULL && strchr(dot + 1, '.') != NULL;
         dot = strchr(dot + 1, '.')) {
        bool parent_is_new;
        struct row *row = find_row(shape, dot, &parent_is_new);

        row->children += is_new;
        add_count(row, bucket, n);
        is_new = parent_is_new;
    }
}

// The part behind the last '@' in lower case, without a final dot.
static const char *domain_of(struct arena *arena, const char *address)
{
    struct str text = str_c(address);
    size_t at = str_rindex(text, '@');

    if (text.len == 0)
        return "MAILER-DAEMON";
    if (at != SIZE_MAX)
        text = str_from(text, at + 1);
    if (text.len > 0 && text.ptr[text.len - 1] == '.')
        text.len--;
    return arena_lower(arena, text);
}

static void count_address(struct shape *shape, struct arena *arena, const char *address,
                          int64_t arrival)
{
    const char *domain = domain_of(arena, address);
    long bucket = bucket_of(shape, arrival);
    bool is_new;

    add_count(find_row(shape, domain, &is_new), bucket, 1);
    add_count(&shape->total, bucket, 1);
    if (shape->opt->parents)
        count_parents(shape, domain, bucket, 1, is_new);
}

// A message that vanishes or does not decode is passed over: the queue is alive.
static void count_message(struct shape *shape, struct arena *arena, const char *path)
{
    struct queue_file qf;
    struct error err;
    long counted = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool good = fd >= 0 && queue_file_read(arena, fd, RCPTS_AT_ONCE, &qf, &err);

    while (good) {
        for (size_t i = 0; i < qf.rcpts_len; i++) {
            if (qf.rcpts[i].done)
                continue;
            if (!shape->opt->senders)
                count_address(shape, arena, qf.rcpts[i].address, qf.arrival.sec);
            counted++;
        }
        good =
            qf.has_more_rcpts && queue_file_read_more(arena, fd, RCPTS_AT_ONCE, &qf, &err);
    }
    if (shape->opt->senders && counted > 0)
        count_address(shape, arena, qf.sender, qf.arrival.sec);
    if (fd >= 0)
        close(fd);
}

// ---- the table
// --------------------------------------------------------------------------

struct table {
    const struct shape *shape;
    char labels[BUCKETS_MAX][32];
    int widths[BUCKETS_MAX], total_width, name_width;
};

static int digits(long n)
{
    return snprintf(NULL, 0, "%ld", n);
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

// Each column is as wide as its label and its sum need, at least two; the names get the
// rest.
static void lay_out(struct table *t)
{
    const struct options *opt = t->shape->opt;
    int used;

    t->total_width = larger(2, digits(t->shape->total.total));
    used = 1 + t->total_width;
    for (long i = 0; i < opt->buckets; i++) {
        bool last = i == opt->buckets - 1;
        double limit = last && i == 0 ? 0 : bucket_limit(opt, last ? i - 1 : i);

        snprintf(t->labels[i], sizeof(t->labels[i]), "%.15g%s", limit, last ? "+" : "");
        t->widths[i] =
            larger(larger(2, (int)strlen(t->labels[i])), digits(t->shape->total.counts[i]));
        used += 1 + t->widths[i];
    }
    t->name_width = larger(NAME_WIDTH_MIN, (int)opt->width - used);
}

static void print_row(const struct table *t, const char *name, const struct row *row)
{
    int len = (int)strlen(name);

    if (len > t->name_width) // the end of a name tells more than its beginning
        printf("+%s", name + len - (t->name_width - 1));
    else
        printf("%*s", t->name_width, name);
    if (row == NULL)
        printf(" %*s", t->total_width, "T");
    else
        printf(" %*ld", t->total_width, row->total);
    for (long i = 0; i < t->shape->opt->buckets; i++)
        if (row == NULL)
            printf(" %*s", t->widths[i], t->labels[i]);
        else
            printf(" %*ld", t->widths[i], row->counts[i]);
    putchar('\n');
}

// The largest first; of equal ones the shorter name.
static int by_weight(const struct row *a, const struct row *b)
{
    size_t a_len = strlen(a->name), b_len = strlen(b->name);

    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool is_shown(const struct shape *shape, const struct row *row)
{
    return row->name[0] != '.' || row->children >= shape->opt->min_subdomains;
}

static void print_shape(struct shape *shape)
{
    struct table t = {.shape = shape};
    long lines = 1, most = shape->on_terminal ? shape->opt->top : 0;

    if (shape->on_terminal && shape->opt->batch > 0)
        fputs("\033[H\033[2J\033[3J", stdout);
    lay_out(&t);
    HASH_SORT(shape->rows, by_weight);
    print_row(&t, "", NULL);
    print_row(&t, "TOTAL", &shape->total);
    for (struct row *row = shape->rows; row != NULL; row = row->hh.next) {
        if (most > 0 && lines >= most)
            break;
        if (is_shown(shape, row)) {
            print_row(&t, row->name, row);
            lines++;
        }
    }
    if (fflush(stdout) != 0)
        log_fatal("write standard output: %m");
}

// ---- the queues
// -------------------------------------------------------------------------

static bool is_message(const FTSENT *entry)
{
    if (entry->fts_info != FTS_F || !(entry->fts_statp->st_mode & S_IXUSR) ||
        entry->fts_namelen < ID_LENGTH_MIN)
        return false;
    for (size_t i = 0; i < entry->fts_namelen; i++)
        if (!ascii_is_alnum(entry->fts_name[i]))
            return false;
    return true;
}

static void scan_queue(struct shape *shape, char *queue)
{
    char *const paths[] = {queue, NULL};
    struct arena *arena = arena_new();
    struct stat st;
    FTS *walk;

    if (stat(queue, &st) != 0) {
        fprintf(stderr, "Can't stat %s: %s\n", queue, strerror(errno));
        arena_free(arena);
        return;
    }
    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL)
        log_fatal("%s: %m", queue);
    for (FTSENT *entry = fts_read(walk); entry != NULL; entry = fts_read(walk)) {
        if (!is_message(entry))
            continue;
        count_message(shape, arena, entry->fts_accpath);
        arena_reset(arena);
        shape->messages++;
        if (shape->on_terminal && shape->opt->batch > 0 &&
            shape->messages % shape->opt->batch == 0)
            print_shape(shape);
    }
    fts_close(walk);
    arena_free(arena);
}

static void free_rows(struct shape *shape)
{
    struct row *row, *next;

    HASH_ITER(hh, shape->rows, row, next)
    {
        HASH_DEL(shape->rows, row);
        free(row->name);
        free(row);
    }
}

// ---- the command
// ------------------------------------------------------------------------

// compat: what is no positive number leaves the default; tests/e2e/test_queue_tools.py
static void take_number(long *value, const char *text, long most)
{
    long n = strtol(text, NULL, 10);

    if (n > 0)
        *value = n > most ? most : n;
}

static void parse_options(struct options *opt, int argc, char **argv)
{
    double minutes;
    int letter;

    while ((letter = getopt(argc, argv, "+slphb:t:w:m:n:N:c:")) != -1)
        switch (letter) {
        case 's':
            opt->senders = true;
            break;
        case 'p':
            opt->parents = true;
            break;
        case 'l':
            opt->linear = true;
            break;
        case 'b':
            take_number(&opt->buckets, optarg, BUCKETS_MAX - 2);
            break;
        case 't':
            minutes = strtod(optarg, NULL);
            if (minutes > 0 && minutes < 1e15)
                opt->first_bucket = minutes;
            break;
        case 'w':
            take_number(&opt->width, optarg, 100000);
            opt->width = opt->width < SCREEN_WIDTH ? SCREEN_WIDTH : opt->width;
            break;
        case 'm':
            take_number(&opt->min_subdomains, optarg, 1L << 30);
            break;
        case 'n':
            opt->top = strtol(optarg, NULL, 10);
            break;
        case 'N':
            opt->batch = strtol(optarg, NULL, 10);
            break;
        case 'c':
            opt->dir = optarg;
            break;
        default:
            usage();
        }
}

static const char help[] =
    "usage: qshape [options] [queue...]\n"
    "Counts queued recipients by domain and age in minutes (incoming and active queue).\n"
    "  -s  senders instead      -p  sums for parent domains      -m n  subdomains they "
    "need\n"
    "  -b n  columns            -t n  minutes of the first       -l  all of equal length\n"
    "  -w n  width              -c dir  configuration folder\n"
    "  -N n  on a terminal, a new picture every n messages       -n n  rows there\n";

int main(int argc, char **argv)
{
    static char incoming[] = "incoming", active[] = "active";
    static char *const standard[] = {incoming, active, NULL};
    struct options opt = {.min_subdomains = 5,
                          .buckets = 10,
                          .width = SCREEN_WIDTH,
                          .batch = 1000,
                          .top = 20,
                          .first_bucket = 5};
    struct shape shape = {.opt = &opt, .on_terminal = isatty(STDOUT_FILENO) == 1};
    struct error err;

    help_if_asked(argc, argv, help);
    log_open("qshape", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    parse_options(&opt, argc, argv);
    struct config *cfg = config_open(opt.dir, NULL, 0, &err);

    if (cfg == NULL)
        log_fatal("%s", err.text);
    if (chdir(config_mail(cfg)->queue_directory) != 0)
        log_fatal("chdir %s: %m", config_mail(cfg)->queue_directory);
    shape.now = moment_now().sec;
    for (char *const *queue = optind < argc ? argv + optind : standard; *queue != NULL;
         queue++)
        scan_queue(&shape, *queue);
    print_shape(&shape);
    free_rows(&shape);
    config_free(cfg);
    return EXIT_SUCCESS;
}
