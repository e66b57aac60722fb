// table_command: what postmap(1) and postalias(1) have in common: options, queries,
// updates.
#include "service/table_command.h"
#include "mail/maillog.h"
#include "util/buf.h"
#include "util/help.h"
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)
#define CACHE_MAX ((size_t)512 << 20)
#define QUERY_CACHE_MAX ((size_t)128 << 20)

struct run {
    const struct table_command *cmd;
    struct table_options opt;
    const struct mail_config *mail;
    struct arena *arena;
    char **names;
    struct table **tables; // opened when first needed
    size_t len;
    bool found_any;
};

// ---- files as values
// ---------------------------------------------------------------------------

bool table_command_read_files(struct arena *arena, struct str value, struct str *encoded,
                              struct error *err)
{
    struct buf *all = buf_make(arena, FILE_MAX);
    struct str rest = value, path, content;
    unsigned char *out;

    while (str_take(&rest, ", \t\r\n", &path)) {
        if (!file_read_all(arena, arena_text(arena, path), FILE_MAX, &content, err))
            return false;
        if ((buf_len(all) > 0 && !buf_append_c(all, "\n")) || !buf_append(all, content))
            return error_perm(err, "5.3.0", "files are too large: %.*s", STR_FMT(value));
    }
    if (buf_len(all) == 0)
        return error_perm(err, "5.3.0", "empty pathname list: >>%.*s<<", STR_FMT(value));
    out = arena_alloc(arena, 4 * ((buf_len(all) + 2) / 3) + 1);
    int len =
        EVP_EncodeBlock(out, (const unsigned char *)buf_view(all).ptr, (int)buf_len(all));
    *encoded = str_n((const char *)out, (size_t)len);
    return true;
}

static const char *decode(struct arena *arena, const char *text)
{
    size_t len = strlen(text);
    unsigned char *out = arena_alloc(arena, len + 1);
    int count = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);

    if (len % 4 != 0 || count < 0)
        log_fatal("malformed BASE64 value: %.100s", text);
    for (size_t i = 0; i < 2 && i < len && text[len - 1 - i] == '='; i++)
        count--;
    out[count] = '\0';
    return (const char *)out;
}

// ---- output
// --------------------------------------------------------------------------------------

static void print_json(const char *key, const char *value)
{
    json_t *pair = json_object();
    char *text;

    json_object_set_new(pair, key, json_string(value));
    text = json_dumps(pair, JSON_ENSURE_ASCII);
    if (text == NULL)
        log_fatal("cannot show entry \"%s\" as JSON", key);
    puts(text);
    free(text);
    json_decref(pair);
}

static void print_pair(const struct run *r, const char *key, const char *value)
{
    if (r->opt.json)
        print_json(key, value);
    else
        printf("%s%s\t%s\n", key, r->cmd->key_separator, value);
}

static void end_output(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        log_fatal("write error: %m");
}

// ---- queries
// -------------------------------------------------------------------------------------

static struct table *open_for_query(struct run *r, size_t i)
{
    struct error err;

    if (r->tables[i] == NULL) {
        r->tables[i] =
            table_open(r->names[i], r->mail->default_database_type, r->opt.flags, &err);
        if (r->tables[i] == NULL)
            log_fatal("%s", err.text);
    }
    if (table_open_error(r->tables[i]) != NULL)
        log_fatal("%s", table_open_error(r->tables[i])->text);
    return r->tables[i];
}

static const char *find(struct run *r, const char *key)
{
    const char *value;
    struct error err;

    for (size_t i = 0; i < r->len; i++) {
        struct table *t = open_for_query(r, i);

        switch (table_find(t, r->arena, key, &value, &err)) {
        case TABLE_NOT_FOUND:
            continue;
        case TABLE_FAILED:
            log_fatal("%s", err.text);
        case TABLE_FOUND:
            break;
        }
        if (value[0] == '\0') {
            log_warn("table %s: key %s: empty string result is not allowed", table_spec(t),
                     key);
            log_warn("table %s should return NO RESULT in case of NOT FOUND",
                     table_spec(t));
        }
        return r->opt.files ? decode(r->arena, value) : value;
    }
    return NULL;
}

static int query_one(struct run *r)
{
    const char *value = find(r, r->opt.query);

    if (value == NULL)
        return 1;
    if (r->opt.json)
        print_json(r->opt.query, value);
    else
        puts(value);
    end_output();
    return 0;
}

static void query_and_print(void *ctx, const char *key)
{
    struct run *r = ctx;
    const char *value = find(r, key);

    if (value != NULL) {
        print_pair(r, key, value);
        r->found_any = true;
    }
    arena_reset(r->arena);
}

static void each_line(void (*run)(void *ctx, const char *line), void *ctx)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    while ((len = getline(&line, &room, stdin)) >= 0) {
        if (len > 0 && line[len - 1] == '\n')
            line[len - 1] = '\0';
        run(ctx, line);
    }
    free(line);
}

static int query_stream(struct run *r)
{
    table_set_read_cache(QUERY_CACHE_MAX);
    if (r->opt.body || r->opt.header)
        r->cmd->each_key(&r->opt, query_and_print, r);
    else
        each_line(query_and_print, r);
    end_output();
    return r->found_any ? 0 : 1;
}

static int list_all(struct run *r)
{
    struct str key, value;
    struct error err;

    for (size_t i = 0; i < r->len; i++) {
        struct table *t = open_for_query(r, i);
        enum table_result result = table_next(t, true, r->arena, &key, &value, &err);

        for (; result == TABLE_FOUND;
             result = table_next(t, false, r->arena, &key, &value, &err)) {
            const char *text = arena_text(r->arena, value);

            print_pair(r, arena_text(r->arena, key),
                       r->opt.files ? decode(r->arena, text) : text);
            arena_reset(r->arena);
        }
        if (result == TABLE_FAILED)
            log_fatal("%s", err.text);
    }
    end_output();
    return 0;
}

// ---- updates
// -------------------------------------------------------------------------------------

static struct str type_of(const struct run *r, const char *name)
{
    size_t colon = str_index(str_c(name), ':');

    return colon == SIZE_MAX ? str_c(r->mail->default_database_type) : str_n(name, colon);
}

static bool is_writable(struct str type)
{
    return str_is(type, "hash") || str_is(type, "btree") || str_is(type, "fail");
}

static bool is_known(struct str type)
{
    size_t len;
    const char *const *names = table_type_names(&len);

    for (size_t i = 0; i < len; i++)
        if (str_is(type, names[i]))
            return true;
    return false;
}

static const char *full_name(struct run *r, const char *name)
{
    return strchr(name, ':') != NULL
               ? arena_strdup(r->arena, name)
               : arena_printf(r->arena, "%s:%s", r->mail->default_database_type, name);
}

static void delete_key(void *ctx, const char *key)
{
    struct run *r = ctx;
    struct arena *scratch = arena_new();
    struct error err;

    if (r->opt.flags & TABLE_FOLD_KEY)
        key = arena_lower(scratch, str_c(key));
    for (size_t i = 0; i < r->len; i++) {
        enum table_result result = table_delete(r->tables[i], str_c(key), &err);

        if (result == TABLE_FAILED)
            log_fatal("%s", err.text);
        r->found_any = r->found_any || result == TABLE_FOUND;
    }
    arena_free(scratch);
}

static int delete_keys(struct run *r)
{
    struct error err;

    for (size_t i = 0; i < r->len; i++) {
        const char *name = full_name(r, r->names[i]);

        if (is_known(type_of(r, name)) && !is_writable(type_of(r, name)))
            log_fatal("%s map requires O_RDONLY access mode", name);
        r->tables[i] = table_open(name, NULL, r->opt.flags | TABLE_WRITE, &err);
        if (r->tables[i] == NULL)
            log_fatal("%s", err.text);
    }
    if (strcmp(r->opt.delete_key, "-") == 0)
        each_line(delete_key, r);
    else
        delete_key(r, r->opt.delete_key);
    for (size_t i = 0; i < r->len; i++)
        if (!table_commit(r->tables[i], &err))
            log_fatal("%s", err.text);
    return r->found_any ? 0 : 1;
}

// As the owner of the source, so that an ordinary user's table stays theirs, and their
// symbolic links lead nowhere but where they may write.
static void become_owner(const struct run *r, const struct stat *source)
{
    if (getuid() != 0 || source->st_uid == 0 || r->opt.keep_root)
        return;
    if (setgroups(1, &source->st_gid) < 0 || setegid(source->st_gid) < 0 ||
        seteuid(source->st_uid) < 0)
        log_fatal("become the owner of the source file: %m");
}

static void become_root_again(void)
{
    gid_t group = getgid();

    if (getuid() == 0 && geteuid() != 0 &&
        (seteuid(0) < 0 || setegid(group) < 0 || setgroups(1, &group) < 0))
        log_fatal("become root again: %m");
}

static struct str read_source(struct run *r, const char *path)
{
    struct error err;
    struct str text;

    if (!file_read_all(r->arena, path, SIZE_MAX / 4, &text, &err))
        log_fatal("%s", err.text);
    return text;
}

static struct str read_stdin(struct run *r)
{
    struct buf *all = buf_make(r->arena, SIZE_MAX / 4);
    ssize_t count;

    for (;;) {
        char *room = buf_room(all, 1u << 16);

        count = read(STDIN_FILENO, room, 1u << 16);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        buf_added(all, (size_t)count);
    }
    if (count < 0)
        log_fatal("read standard input: %m");
    return buf_view(all);
}

// A signal must not end the program with a half-made table.
static void hold_signals(sigset_t *before)
{
    sigset_t held;

    sigfillset(&held);
    sigdelset(&held, SIGABRT);
    sigdelset(&held, SIGSEGV);
    sigprocmask(SIG_BLOCK, &held, before);
}

// A hash table is filled in random order: as long as it fits in memory, each of its pages
// is written once.
static size_t cache_for(const struct run *r, size_t source_len)
{
    size_t wanted = (size_t)r->mail->berkeley_db_create_buffer_size;
    size_t room = 4 * source_len < CACHE_MAX ? 4 * source_len : CACHE_MAX;

    return wanted > room ? wanted : room;
}

static void build(struct run *r, const char *name)
{
    const char *full = full_name(r, name), *path = strchr(full, ':') + 1;
    struct str type = type_of(r, full);
    unsigned flags =
        r->opt.flags | TABLE_CREATE | TABLE_BULK | (r->opt.incremental ? TABLE_WRITE : 0);
    struct source src = {.origin = r->opt.incremental ? "stdin" : path,
                         .check_utf8 = (r->opt.flags & TABLE_UTF8) != 0};
    struct error err;
    struct stat st;
    mode_t mask = umask(022);
    sigset_t before;

    if (r->opt.incremental) {
        src.lines.rest = read_stdin(r);
    } else {
        if (stat(path, &st) < 0)
            log_fatal("open %s: %m", path);
        become_owner(r, &st);
        if (!r->opt.default_mode)
            umask(~st.st_mode & 077);
        src.lines.rest = read_source(r, path);
    }
    if (!is_known(type))
        log_fatal(
            "unsupported dictionary type: %.*s. Is the postfix-%.*s package installed?",
            STR_FMT(type), STR_FMT(type));
    if (!is_writable(type))
        log_fatal("unsupported dictionary type: %.*s does not support bulk-mode creation.",
                  STR_FMT(type));
    table_set_create_cache(cache_for(r, src.lines.rest.len));
    hold_signals(&before);
    struct table *t = table_open(full, NULL, flags, &err);

    if (t == NULL)
        log_fatal("%s", err.text);
    src.arena = arena_new();
    if (!r->cmd->fill(&src, t, &r->opt, &err) ||
        (r->cmd->finish != NULL && !r->opt.incremental &&
         !r->cmd->finish(t, r->mail, &err)) ||
        !table_commit(t, &err)) {
        table_close(t); // takes a half-made file away
        log_fatal("%s", err.text);
    }
    table_close(t);
    sigprocmask(SIG_SETMASK, &before, NULL);
    arena_free(src.arena);
    become_root_again();
    umask(mask);
    arena_reset(r->arena);
}

// ---- the command
// ---------------------------------------------------------------------------------

static bool set_option(struct table_options *opt, int letter, char *arg)
{
    switch (letter) {
    case 'N':
        opt->flags = (opt->flags | TABLE_WITH_NUL) & ~(unsigned)TABLE_WITHOUT_NUL;
        break;
    case 'n':
        opt->flags = (opt->flags | TABLE_WITHOUT_NUL) & ~(unsigned)TABLE_WITH_NUL;
        break;
    case 'r':
        opt->flags = (opt->flags | TABLE_DUP_REPLACE) &
                     ~(unsigned)(TABLE_DUP_WARN | TABLE_DUP_IGNORE);
        break;
    case 'w':
        opt->flags = (opt->flags | TABLE_DUP_IGNORE) &
                     ~(unsigned)(TABLE_DUP_WARN | TABLE_DUP_REPLACE);
        break;
    case 'b':
        opt->body = true;
        break;
    case 'c':
        opt->config_dir = arg;
        break;
    case 'd':
        opt->delete_key = arg;
        break;
    case 'f':
        opt->no_fold = true;
        break;
    case 'F':
        opt->files = true;
        break;
    case 'h':
        opt->header = true;
        break;
    case 'i':
        opt->incremental = true;
        break;
    case 'j':
        opt->json = true;
        break;
    case 'm':
        opt->mime = true;
        break;
    case 'o':
        opt->keep_root = true;
        break;
    case 'p':
        opt->default_mode = true;
        break;
    case 'q':
        opt->query = arg;
        break;
    case 's':
        opt->list = true;
        break;
    case 'u':
        opt->no_utf8 = true;
        break;
    case 'U':
        opt->force_utf8 = true;
        break;
    case 'v':
        log_set_verbosity(log_verbosity() + 1);
        break;
    default:
        return false;
    }
    return true;
}

static void parse_options(struct run *r, int argc, char **argv)
{
    struct table_options *opt = &r->opt;
    int letter;

    opt->flags = TABLE_DUP_WARN;
    argv[0] = arena_strdup(r->arena, r->cmd->name); // for getopt's own complaints
    while ((letter = getopt(argc, argv, r->cmd->letters)) != -1)
        if (!set_option(opt, letter, optarg))
            log_fatal("usage: %s", r->cmd->usage);
    if ((opt->query != NULL) + (opt->delete_key != NULL) + opt->list > 1)
        log_fatal("specify only one of -s -q or -d");
    if ((opt->body || opt->header) && (opt->query == NULL || strcmp(opt->query, "-") != 0))
        log_fatal("specify -b -h or -m only with \"-q -\"");
    if (opt->mime && !opt->body && !opt->header)
        log_warn("ignoring -m option without -b or -h");
    if (!opt->no_fold)
        opt->flags |= TABLE_FOLD_KEY;
    r->names = argv + optind;
    r->len = (size_t)(argc - optind);
}

static int run_command(struct run *r)
{
    if (r->opt.delete_key != NULL)
        return delete_keys(r);
    if (r->opt.query != NULL)
        return strcmp(r->opt.query, "-") == 0 ? query_stream(r) : query_one(r);
    if (r->opt.list)
        return list_all(r);
    if (r->len == 0)
        log_fatal("usage: %s", r->cmd->usage);
    for (size_t i = 0; i < r->len; i++)
        build(r, r->names[i]);
    return 0;
}

int table_command_main(int argc, char **argv, const struct table_command *cmd)
{
    struct arena *names = arena_new();
    struct run r = {.cmd = cmd, .arena = arena_new()};
    struct config *cfg;
    struct error err;
    int status;

    help_if_asked(
        argc, argv,
        arena_printf(names,
                     "usage: %s\n"
                     "Builds tables from text files, and asks and changes them.\n"
                     "  -q key  look up (- for keys on standard input)   -s  list all\n"
                     "  -d key  delete       -i  add entries from standard input\n"
                     "  -r -w   a second entry replaces, is dropped silently\n"
                     "  -f  keep the case of keys       -N -n  with, without final NUL\n"
                     "  -o  keep root's rights          -p  do not copy the file's mode\n"
                     "  -j  JSON    -u  no UTF-8 checks    -c dir  configuration folder\n"
                     "%s",
                     cmd->usage,
                     cmd->each_key == NULL
                         ? ""
                         : "  -b -h -m  keys are the body lines, headers, MIME "
                           "headers of a message\n"
                           "  -F  values are files     -U  force UTF-8 checks\n"));
    log_open(arena_printf(names, "postfix/%s", cmd->name), LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    parse_options(&r, argc, argv);
    cfg = config_open(r.opt.config_dir, NULL, 0, &err);
    if (cfg == NULL)
        log_fatal("%s", err.text);
    r.mail = config_mail(cfg);
    maillog_open_command(
        r.mail, arena_printf(names, "%s/%s", r.mail->syslog_name, cmd->name), true);
    if (r.mail->smtputf8_enable && !r.opt.no_utf8 &&
        (!(r.opt.body || r.opt.header) || r.opt.force_utf8))
        r.opt.flags |= TABLE_UTF8;
    r.tables = mem_alloc((r.len + 1) * sizeof(*r.tables));
    status = run_command(&r);
    for (size_t i = 0; i < r.len; i++)
        table_close(r.tables[i]);
    free(r.tables);
    config_free(cfg);
    arena_free(r.arena);
    arena_free(names);
    return status;
}
