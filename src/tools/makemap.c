// makemap: builds a table from text on standard input, in the form that sendmail's has.
#include "config/config.h"
#include "table/source_line.h"
#include "table/table.h"
#include "util/buf.h"
#include "util/help.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum { SOURCE_MAX = 1 << 30 };

struct options {
    bool append, list, keep_case, replace, no_terminator;
    char comment; // first character of lines that are passed over
    const char *delimiters;
};

static const char help[] =
    "usage: makemap [options] type file < text\n"
    "Builds FILE's table (hash: FILE.db) from lines \"key value\" on standard input.\n"
    "  -l  list the table instead      -o  add to the table that is there\n"
    "  -r  later entries replace       -f  keep the case of keys\n"
    "  -t chars  what separates keys   -D char  what starts a comment (#)\n"
    "  -N  keys end in NUL (default)   -e  entries without value are good\n";

static _Noreturn void usage(void)
{
    fputs(help, stderr);
    exit(EX_USAGE);
}

static void parse_options(struct options *o, int argc, char **argv)
{
    int letter;

    while ((letter = getopt(argc, argv, "C:D:Nc:deflors:t:uv")) != -1)
        switch (letter) {
        case 'D':
            o->comment = optarg[0];
            break;
        case 'f':
            o->keep_case = true;
            break;
        case 'l':
            o->list = true;
            break;
        case 'o':
            o->append = true;
            break;
        case 'r':
            o->replace = true;
            break;
        case 't':
            o->delimiters = optarg;
            break;
        case 'u':
            log_fatal_status(EX_USAGE, "option -u is not available: use postmap -s");
        case '?':
            usage();
        default: // cache sizes, sendmail.cf, safety checks: nothing to set here
            break;
        }
}

static struct str read_input(struct arena *arena)
{
    struct buf *text = buf_make(arena, SOURCE_MAX);
    ssize_t n;

    do {
        char *room = buf_room(text, 65536);
        if (room == NULL)
            log_fatal_status(EX_DATAERR, "standard input is too long");
        n = read(STDIN_FILENO, room, 65536);
        if (n < 0)
            log_fatal_status(EX_IOERR, "read standard input: %m");
        buf_added(text, (size_t)n);
    } while (n > 0);
    return buf_view(text);
}

// "key value"; without delimiters of its own, at white space.
static bool split_line(const struct options *o, struct str line, struct str *key,
                       struct str *value)
{
    const char *delimiters = o->delimiters == NULL ? " \t\r\n" : o->delimiters;

    *value = line;
    if (!str_take(value, delimiters, key))
        return false;
    while (value->len > 0 && strchr(delimiters, value->ptr[0]) != NULL)
        *value = str_from(*value, 1);
    *key = str_trim(*key);
    *value = str_trim_right(*value);
    return key->len > 0;
}

static void fill(const struct options *o, struct table *t, const char *name)
{
    struct arena *arena = arena_new(), *scratch = arena_new();
    struct str rest = read_input(arena), line, key, value;
    struct error err;

    for (int number = 1; str_take_line(&rest, &line); number++) {
        if (line.len == 0 || line.ptr[0] == o->comment || str_trim(line).len == 0)
            continue;
        if (ascii_is_space(line.ptr[0])) {
            log_warn("%s: line %d: no key at the line's beginning", name, number);
            continue;
        }
        if (!split_line(o, line, &key, &value))
            continue;
        if (!o->keep_case)
            key = str_c(table_fold_key(scratch, key));
        if (!table_put(t, key, value, &err))
            log_fatal_status(EX_CANTCREAT, "%s", err.text);
        arena_reset(scratch);
    }
    arena_free(scratch);
    arena_free(arena);
}

static void list(struct table *t)
{
    struct arena *arena = arena_new();
    struct str key, value;
    struct error err;
    enum table_result result;
    bool restart = true;

    while ((result = table_next(t, restart, arena, &key, &value, &err)) == TABLE_FOUND) {
        printf("%.*s\t%.*s\n", STR_FMT(key), STR_FMT(value));
        arena_reset(arena);
        restart = false;
    }
    if (result == TABLE_FAILED)
        log_fatal_status(EX_IOERR, "%s", err.text);
    if (fflush(stdout) != 0)
        log_fatal_status(EX_IOERR, "write standard output: %m");
    arena_free(arena);
}

int main(int argc, char **argv)
{
    struct options o = {.comment = '#'};
    struct arena *arena = arena_new();
    struct error err;

    help_if_asked(argc, argv, help);
    log_open("makemap", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    parse_options(&o, argc, argv);
    if (argc - optind != 2)
        usage();
    const char *spec = arena_printf(arena, "%s:%s", argv[optind], argv[optind + 1]);
    unsigned flags = o.keep_case ? 0 : TABLE_FOLD_KEY;

    if (!o.list)
        flags |= TABLE_CREATE | TABLE_BULK | (o.append ? TABLE_WRITE : 0) |
                 (o.replace ? TABLE_DUP_REPLACE : TABLE_DUP_WARN);
    struct table *t = table_open(spec, NULL, flags, &err);

    if (t == NULL)
        log_fatal_status(EX_CANTCREAT, "%s", err.text);
    if (table_open_error(t) != NULL)
        log_fatal_status(EX_NOINPUT, "%s", table_open_error(t)->text);
    if (o.list) {
        list(t);
    } else {
        fill(&o, t, argv[optind + 1]);
        if (!table_commit(t, &err)) {
            table_close(t);
            log_fatal_status(EX_CANTCREAT, "%s", err.text);
        }
    }
    table_close(t);
    arena_free(arena);
    return EX_OK;
}
