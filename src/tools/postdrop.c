// postdrop: puts a message on standard input into maildrop/, for pickup(8). Set-gid: it
// believes nothing of what its caller gives it.
#include "config/config.h"
#include "ipc/trigger.h"
#include "mail/maildrop.h"
#include "mail/queue_dir.h"
#include "paths.h"
#include "table/match_list.h"
#include "util/file.h"
#include "util/help.h"
#include "util/log.h"
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_SIZE 65536u
#define RECORD_OVERHEAD (1u << 20)

// name NUL value NUL ... NUL on standard output is all the caller learns.
static _Noreturn void answer(const char *id, int status, const char *reason)
{
    printf("queue_id%c%s%cstatus%c%d%creason%c%s%c%c", 0, id, 0, 0, status, 0, 0, reason, 0,
           0);
    exit(fflush(stdout) == 0 ? status : EX_IOERR);
}

static void check_caller(const struct mail_config *mail)
{
    struct passwd *pw = getpwuid(getuid());
    struct error err;
    char number[32];

    snprintf(number, sizeof(number), "%ld", (long)getuid());
    const char *name = pw != NULL ? pw->pw_name : "unknown"; // as the list calls them
    struct match_list *list = match_list_open(
        "authorized_submit_users", mail->authorized_submit_users, MATCH_USER, false, &err);
    enum match_result result =
        list == NULL ? MATCH_FAILED : match_list_find(list, name, NULL, &err);

    if (result == MATCH_YES)
        return;
    if (result == MATCH_FAILED)
        log_fatal_status(EX_TEMPFAIL, "authorized_submit_users: %s", err.text);
    log_fatal_status(EX_NOPERM, "User %s(%s) is not allowed to submit mail", name, number);
}

static struct str read_message(struct arena *arena, long limit)
{
    size_t max = limit > 0 ? (size_t)limit + (size_t)limit / 8 + RECORD_OVERHEAD : 1u << 30;
    struct buf *data = buf_make(arena, max);

    for (;;) {
        char *room = buf_room(data, READ_SIZE);

        if (room == NULL)
            answer("", EX_UNAVAILABLE, "message file too big");
        ssize_t n = read(0, room, READ_SIZE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            log_fatal_status(EX_DATAERR, "uid=%ld: read: %m", (long)getuid());
        if (n == 0)
            return buf_view(data);
        buf_added(data, (size_t)n);
    }
}

static bool write_file(int fd, struct arena *arena, struct str data, struct moment now)
{
    struct buf *time_record = buf_make(arena, 64);

    return record_printf(time_record, REC_TIME, "%lld %d", (long long)now.sec, now.usec) &&
           fd_write_all(fd, buf_view(time_record).ptr, buf_len(time_record)) &&
           fd_write_all(fd, data.ptr, data.len) &&
           // Readable for pickup, which is another user; the folder keeps the others out.
           fchmod(fd, 0744) == 0 && fsync(fd) == 0;
}

static void store(struct arena *arena, const struct mail_config *mail, struct str data)
{
    struct moment now = moment_now();
    struct queue_dir queue;
    struct error err;
    char id[64];

    queue_dir_init(&queue, mail);
    int fd = queue_create(&queue, "maildrop", now, id, &err);

    if (fd < 0)
        log_fatal_status(EX_TEMPFAIL, "uid=%ld: %s", (long)getuid(), err.text);
    if (!write_file(fd, arena, data, now)) {
        log_warn("uid=%ld: write maildrop/%s: %m", (long)getuid(), id);
        if (!queue_remove(&queue, "maildrop", id))
            log_warn("remove maildrop/%s: %m", id);
        answer("", EX_TEMPFAIL, "queue file write error");
    }
    const char *pickup = arena_printf(arena, "public/%s", mail->pickup_service_name);

    // Nobody there: pickup looks by itself when the system comes up.
    if (!trigger_send(pickup, STR_LIT("W"), 1000, &err))
        log_debug("%s", err.text);
    answer(id, EX_OK, "");
}

static void parse_options(int argc, char **argv, const char **config_dir)
{
    int letter, verbosity = 0;

    while ((letter = getopt(argc, argv, "c:rv")) > 0) {
        switch (letter) {
        case 'c':
            *config_dir = optarg;
            break;
        case 'r':
            break;
        case 'v':
            log_set_verbosity(++verbosity);
            break;
        default:
            log_fatal_status(EX_USAGE, "usage: %s [-c config_dir] [-v]", argv[0]);
        }
    }
}

// A caller with other privileges than ours must not choose our files.
static void check_config_dir(const char *dir)
{
    if (getegid() == getgid() && geteuid() == getuid())
        return;
    if (dir == NULL)
        dir = getenv("MAIL_CONFIG");
    if (dir == NULL || strcmp(dir, RELAIS_CONFIG_DIR) == 0)
        return;
    struct error err;
    struct config *config = config_open(RELAIS_CONFIG_DIR, NULL, 0, &err);
    struct text_list allowed = {NULL, 0};
    struct arena *arena = arena_new();
    const struct mail_config *mail = config == NULL ? NULL : config_mail(config);

    if (mail != NULL &&
        text_list_parse(arena, mail->alternate_config_directories, &allowed, &err))
        for (size_t i = 0; i < allowed.len; i++)
            if (strcmp(allowed.items[i], dir) == 0)
                return;
    if (mail != NULL &&
        text_list_parse(arena, mail->multi_instance_directories, &allowed, &err))
        for (size_t i = 0; i < allowed.len; i++)
            if (strcmp(allowed.items[i], dir) == 0)
                return;
    log_fatal_status(EX_NOPERM, "unauthorized configuration directory: %s", dir);
}

static const char help[] =
    "usage: postdrop [-rv] [-c dir]\n"
    "Writes a message, given as records on standard input, to the maildrop queue.\n"
    "Used by sendmail(1); the outcome is printed as attributes.\n";

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    const char *config_dir = NULL;
    struct maildrop drop;
    struct error err;

    help_if_asked(argc, argv, help);
    // A reader that leaves must not leave half a file behind.
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    log_open("postfix/postdrop", LOG_TO_STDERR | LOG_TO_SYSLOG, 0);
    log_set_fatal_pause(false);
    parse_options(argc, argv, &config_dir);
    check_config_dir(config_dir);
    struct config *config = config_open(config_dir, NULL, 0, &err);

    if (config == NULL)
        log_fatal_status(EX_CONFIG, "%s", err.text);
    const struct mail_config *mail = config_mail(config);

    check_caller(mail);
    if (chdir(mail->queue_directory) < 0)
        log_fatal_status(EX_TEMPFAIL, "chdir %s: %m", mail->queue_directory);
    struct str data = read_message(arena, mail->message_size_limit);

    if (!maildrop_parse(arena, data, false, &drop, &err)) {
        log_warn("uid=%ld: %s", (long)getuid(), err.text);
        answer("", EX_DATAERR, err.text);
    }
    store(arena, mail, data);
}
