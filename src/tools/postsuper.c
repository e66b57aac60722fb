// postsuper: the superuser's hand on the queue: delete, hold, release, requeue, expire,
// repair.
#include "mail/maillog.h"
#include "mail/queue_id.h"
#include "tools/postsuper_act.h"
#include "util/help.h"
#include "util/log.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct order {
    enum action action;
    const char *id; // "-" and "ALL" included
};

struct options {
    const char *dir;
    struct order *orders;
    size_t orders_len;
    bool purge, repair, also_long_ids, verbose;
};

// The owner of the queue, as whom all work on it is done.
static uid_t owner_uid;

static const struct {
    char letter;
    enum action action;
} letters[] = {
    {'d', ACTION_DELETE        },
    {'e', ACTION_EXPIRE        },
    {'f', ACTION_EXPIRE_RELEASE},
    {'h', ACTION_HOLD          },
    {'H', ACTION_RELEASE       },
    {'r', ACTION_REQUEUE       },
};

static const char *const queue_names[] = {"maildrop", "incoming", "active", "deferred",
                                          "hold",     "corrupt",  "bounce", "defer",
                                          "trace",    "flush"};

// ---- log lines
// -----------------------------------------------------------------------------

// The log file belongs to root: lines are written with root's rights.
static void write_line(enum log_level level, const char *fmt, va_list args)
{
    int saved = errno;

    if (getuid() == 0 && seteuid(0) < 0)
        log_panic("cannot become root again: %m");
    errno = saved;
    log_vwrite(level, fmt, args);
    if (getuid() == 0 && seteuid(owner_uid) < 0)
        log_panic("cannot become the queue's owner again: %m");
}

static void PRINTF_LIKE(1, 2) say(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    write_line(LOG_LEVEL_INFO, fmt, args);
    va_end(args);
}

static void PRINTF_LIKE(1, 2) warn(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    write_line(LOG_LEVEL_WARN, fmt, args);
    va_end(args);
}

// ---- options
// -------------------------------------------------------------------------------

static _Noreturn void usage(void)
{
    log_fatal("usage: postsuper [-c config_dir] [-d queue_id (delete)] "
              "[-e queue_id (expire)] [-f queue_id (expire and/or un-hold)] "
              "[-h queue_id (hold)] [-H queue_id (un-hold)] [-p (purge temporary files)] "
              "[-r queue_id (requeue)] [-s (structure fix)] "
              "[-S (redundant structure fix)][-v (verbose)] [queue...]");
}

static bool add_order(struct options *opt, char letter, const char *id)
{
    for (size_t i = 0; i < COUNT(letters); i++)
        if (letters[i].letter == letter) {
            opt->orders[opt->orders_len++] = (struct order){letters[i].action, id};
            return true;
        }
    return false;
}

static void parse_options(int argc, char **argv, struct options *opt)
{
    int letter;

    opt->orders = mem_alloc((size_t)argc * sizeof(*opt->orders));
    while ((letter = getopt(argc, argv, "c:d:e:f:h:H:pr:sSv")) != -1) {
        switch (letter) {
        case 'c':
            opt->dir = optarg;
            break;
        case 'p':
            opt->purge = true;
            break;
        case 's':
            opt->repair = true;
            break;
        case 'S':
            opt->repair = opt->also_long_ids = true;
            break;
        case 'v':
            opt->verbose = true;
            break;
        default:
            if (letter == '?' || !add_order(opt, (char)letter, optarg))
                usage();
        }
    }
    if (opt->orders_len == 0 && !opt->repair && !opt->purge)
        opt->purge = opt->repair = true;
}

static void check_queue_name(const char *name)
{
    for (size_t i = 0; i < COUNT(queue_names); i++)
        if (strcmp(name, queue_names[i]) == 0)
            return;
    log_fatal("invalid directory name: %s", name);
}

// ---- rights
// --------------------------------------------------------------------------------

// Folders of the queue belong to mail_owner, who might have put a trap there for root: work
// is done with the owner's rights. Without root only an instance of one's own can be
// handled.
static void become_owner(const struct mail_config *mail)
{
    struct stat st;

    owner_uid = geteuid();
    if (getuid() != 0) {
        if (stat("active", &st) < 0 || st.st_uid != geteuid())
            log_fatal("use of this command is reserved for the superuser");
        return;
    }
    const struct passwd *owner = getpwnam(mail->mail_owner);

    if (owner == NULL)
        log_fatal("mail_owner: unknown user %s", mail->mail_owner);
    owner_uid = owner->pw_uid;
    if (setgroups(1, &owner->pw_gid) < 0 || setegid(owner->pw_gid) < 0 ||
        seteuid(owner_uid) < 0)
        log_fatal("cannot become %s: %m", mail->mail_owner);
}

// ---- work
// ----------------------------------------------------------------------------------

static void act_on_id(struct super *s, enum action action, struct str id)
{
    char text[QUEUE_ID_SIZE];

    if (!queue_id_is_valid(id)) {
        s->warn("invalid mail queue id: %.*s", id.len > 100 ? 100 : (int)id.len, id.ptr);
        return;
    }
    snprintf(text, sizeof(text), "%.*s", STR_FMT(id));
    super_act(s, action, text);
}

static void act_on_input(struct super *s, enum action action)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    while ((len = getline(&line, &size, stdin)) > 0) {
        struct str id = str_trim(str_n(line, (size_t)len));

        if (id.len > 0)
            act_on_id(s, action, id);
    }
    free(line);
}

static void carry_out(struct super *s, const struct order *order)
{
    if (strcmp(order->id, "-") == 0)
        act_on_input(s, order->action);
    else if (strcmp(order->id, "ALL") == 0)
        super_act_all(s, order->action);
    else
        act_on_id(s, order->action, str_c(order->id));
}

static void tell_count(const struct super *s, const char *what, long count)
{
    s->say("%s: %ld message%s", what, count, count == 1 ? "" : "s");
}

static bool was_ordered(const struct options *opt, enum action action)
{
    for (size_t i = 0; i < opt->orders_len; i++)
        if (opt->orders[i].action == action)
            return true;
    return false;
}

static void tell_counts(const struct super *s, const struct options *opt)
{
    bool both = was_ordered(opt, ACTION_EXPIRE_RELEASE);

    if (was_ordered(opt, ACTION_REQUEUE))
        tell_count(s, "Requeued", s->requeued);
    if (was_ordered(opt, ACTION_DELETE))
        tell_count(s, "Deleted", s->deleted);
    if (was_ordered(opt, ACTION_EXPIRE) || both)
        tell_count(s, "Force-expired", s->expired);
    if (was_ordered(opt, ACTION_HOLD))
        tell_count(s, "Placed on hold", s->held);
    if (was_ordered(opt, ACTION_RELEASE) || both)
        tell_count(s, "Released from hold", s->released);
    if (s->renamed > 0) {
        tell_count(s, "Renamed to match inode number", s->renamed);
        s->warn("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
    }
}

static const char help[] =
    "usage: postsuper [-psSv] [-c dir] [-d|-e|-f|-h|-H|-r id]... [queue...]\n"
    "ID is a queue ID, ALL for all messages, - for IDs on standard input.\n"
    "  -d  delete      -h  hold        -H  release    -r  requeue\n"
    "  -e  expire now  -f  expire and release         (queues default to those with mail)\n"
    "  -p  remove old temporary files  -s -S  repair names and places\n";

int main(int argc, char **argv)
{
    struct options opt = {0};
    struct super s = {.say = say, .warn = warn};
    struct error err;
    char tag[256];

    help_if_asked(argc, argv, help);
    log_open("postfix/postsuper", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    parse_options(argc, argv, &opt);
    struct config *cfg = config_open(opt.dir, NULL, 0, &err);

    if (cfg == NULL)
        log_fatal("%s", err.text);
    s.mail = config_mail(cfg);
    snprintf(tag, sizeof(tag), "%s/postsuper", s.mail->syslog_name);
    maillog_open_command(s.mail, tag, true);
    for (int i = optind; i < argc; i++)
        check_queue_name(argv[i]);
    if (optind < argc) {
        s.queues = (const char *const *)(argv + optind);
        s.queues_len = (size_t)(argc - optind);
    }
    s.verbose = opt.verbose;
    queue_dir_init(&s.q, s.mail);
    if (chdir(s.mail->queue_directory) < 0)
        log_fatal("chdir %s: %m", s.mail->queue_directory);
    become_owner(s.mail);

    // First the names: an ID may be meant as the repaired one.
    if (opt.repair)
        super_repair(&s, opt.also_long_ids);
    if (opt.purge)
        super_purge(&s);
    for (size_t i = 0; i < opt.orders_len; i++)
        carry_out(&s, &opt.orders[i]);
    tell_counts(&s, &opt);
    free(opt.orders);
    config_free(cfg);
    return EXIT_SUCCESS;
}
