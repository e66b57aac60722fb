// postqueue: lists the queue, and asks for the delivery of what waits in it.
#include "config/config.h"
#include "ipc/trigger.h"
#include "ipc/unix_socket.h"
#include "mail/flush_client.h"
#include "mail/maillog.h"
#include "mail/queue_id.h"
#include "paths.h"
#include "table/match_list.h"
#include "tools/postqueue_list.h"
#include "util/file.h"
#include "util/help.h"
#include "util/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

// compat: every failure of this command ends with 69.
#define fatal(...) log_fatal_status(EX_UNAVAILABLE, __VA_ARGS__)

enum action {
    ACTION_NONE,
    ACTION_LIST,
    ACTION_JSON,
    ACTION_FLUSH,
    ACTION_SITE,
    ACTION_FILE
};

static _Noreturn void usage(void)
{
    fatal("usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | "
          "postqueue -s site");
}

// With the set-gid bit, a caller must not choose whose queue and sockets we work on.
static void check_config_dir(const char *dir)
{
    struct error err;
    struct text_list known;
    struct arena *arena;

    if (getauxval(AT_SECURE) == 0 || dir == NULL || strcmp(dir, RELAIS_CONFIG_DIR) == 0)
        return;
    struct config *standard = config_open(RELAIS_CONFIG_DIR, NULL, 0, &err);

    if (standard == NULL)
        fatal("%s", err.text);
    arena = arena_new();
    if (!text_list_parse(arena, config_mail(standard)->alternate_config_directories, &known,
                         &err))
        fatal("%s", err.text);
    for (size_t i = 0; i < known.len; i++)
        if (strcmp(known.items[i], dir) == 0)
            return;
    fatal("unauthorized configuration directory name: %s", dir);
}

// Root and mail_owner may always.
static void check_user(const char *owner, const char *title, const char *list,
                       const char *what)
{
    struct passwd *user = getpwuid(getuid());
    const char *name = user == NULL ? "unknown" : user->pw_name;
    struct error err;
    struct match_list *allowed;

    if (getuid() == 0 || strcmp(name, owner) == 0)
        return;
    allowed = match_list_open(title, list, MATCH_USER, false, &err);
    if (allowed == NULL)
        fatal("%s", err.text);
    if (match_list_find(allowed, name, NULL, &err) != MATCH_YES)
        fatal("User %s(%ld) is not allowed to %s the mail queue", name, (long)getuid(),
              what);
    match_list_close(allowed);
}

// ---- listing
// ------------------------------------------------------------------------------------

static bool on_message(void *ctx, const char *queue, const char *id, int64_t arrival,
                       int64_t size, bool forced_expire, const char *sender)
{
    listing_message(ctx, queue, id, arrival, size, forced_expire, sender);
    return true;
}

static bool on_rcpt(void *ctx, const struct listed_rcpt *rcpt)
{
    listing_rcpt(ctx, rcpt->address, rcpt->reason);
    return true;
}

static bool on_message_end(void *ctx)
{
    listing_message_end(ctx);
    return true;
}

static const struct queue_lister direct = {on_message, on_rcpt, on_message_end};

// Root may, and in a rootless instance the user whose queue it is.
static bool may_read_directly(void)
{
    struct stat st;

    return geteuid() == 0 ||
           (stat("deferred", &st) == 0 && st.st_uid == getuid() && geteuid() == getuid());
}

static void list_queue(const struct mail_config *mail, bool as_json)
{
    struct listing l = {
        .out = stdout, .as_json = as_json, .long_ids = mail->enable_long_queue_ids};
    char path[128];
    struct error err;

    snprintf(path, sizeof(path), "public/%s", mail->showq_service_name);
    int fd = unix_socket_connect(path, (int)mail->ipc_timeout.seconds * 1000, &err);

    if (fd >= 0) {
        if (!fd_set_nonblocking(fd, false) || !listing_read(&l, fd))
            fatal("malformed showq server response");
    } else if (errno == EACCES) {
        fatal("Connect to the Postfix showq service: %m");
    } else if (may_read_directly()) {
        struct queue_dir dir;

        log_warn("Mail system is down -- accessing queue directly "
                 "(Connect to the Postfix showq service: %m)");
        queue_dir_init(&dir, mail);
        queue_list(&dir, mail->empty_address_recipient, 0, &direct, &l);
        listing_end(&l);
    } else {
        fatal(
            "Queue report unavailable - mail system is down (Connect to the Postfix showq "
            "service: %m)");
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        fatal("write error: %m");
}

// ---- flushing
// -----------------------------------------------------------------------------------

static void flush_queue(const struct mail_config *mail)
{
    char path[128];
    struct error err;

    snprintf(path, sizeof(path), "public/%s", mail->queue_service_name);
    // compat: all times count as now, dead destinations as alive.
    if (!trigger_send(path, STR_LIT("AFD"), (int)mail->trigger_timeout.seconds * 1000,
                      &err))
        fatal("Cannot flush mail queue - mail system is down");
}

static bool is_site(const char *site)
{
    size_t len = strlen(site);

    if (site[0] == '[' && len > 2 && site[len - 1] == ']') {
        char inner[64];
        unsigned char bytes[16];
        const char *start = site + 1;

        if (strncasecmp(start, "IPv6:", 5) == 0)
            start += 5;
        snprintf(inner, sizeof(inner), "%.*s", (int)(site + len - 1 - start), start);
        return inet_pton(AF_INET, inner, bytes) == 1 ||
               inet_pton(AF_INET6, inner, bytes) == 1;
    }
    if (len == 0 || len > 255 || site[0] == '.' || site[0] == '-' ||
        strstr(site, "..") != NULL)
        return false;
    for (const char *p = site; *p != '\0'; p++)
        if (!ascii_is_alnum(*p) && strchr("-._", *p) == NULL && (unsigned char)*p < 0x80)
            return false;
    return true;
}

static void flush_part(const struct mail_config *mail, enum flush_command command,
                       const char *site, const char *id)
{
    switch (flush_call(mail, command, site, id)) {
    case FLUSH_OK:
        break;
    case FLUSH_BAD:
        fatal("Invalid request: \"%s\"", site != NULL ? site : id);
    case FLUSH_DENY:
        fatal("Flush service is not configured for destination \"%s\"", site);
    case FLUSH_FAIL:
        fatal("Cannot flush mail queue - mail system is down");
    }
}

static void set_action(enum action *action, enum action wanted)
{
    if (*action != ACTION_NONE)
        usage();
    *action = wanted;
}

static const char help[] =
    "usage: postqueue [-v] [-c dir] -f | -i id | -j | -p | -s site\n"
    "  -p  list the queue               -j  the same as JSON, a message a line\n"
    "  -f  try to deliver all of it     -i  one message     -s  all for a site\n";

int main(int argc, char **argv)
{
    const char *dir = getenv("MAIL_CONFIG"), *argument = NULL;
    enum action action = ACTION_NONE;
    struct error err;
    int letter, verbose = 0;

    help_if_asked(argc, argv, help);
    log_open("postfix/postqueue", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    while ((letter = getopt(argc, argv, "c:fi:jps:v")) != -1) {
        switch (letter) {
        case 'c':
            dir = optarg;
            break;
        case 'f':
            set_action(&action, ACTION_FLUSH);
            break;
        case 'i':
            set_action(&action, ACTION_FILE);
            argument = optarg;
            break;
        case 'j':
            set_action(&action, ACTION_JSON);
            break;
        case 'p':
            set_action(&action, ACTION_LIST);
            break;
        case 's':
            set_action(&action, ACTION_SITE);
            argument = optarg;
            break;
        case 'v':
            if (geteuid() == 0)
                log_set_verbosity(++verbose);
            break;
        default:
            usage();
        }
    }
    if (action == ACTION_NONE || optind != argc)
        usage();
    check_config_dir(dir);
    struct config *cfg = config_open(dir, NULL, 0, &err);

    if (cfg == NULL)
        fatal("%s", err.text);
    const struct mail_config *mail = config_mail(cfg);

    if (chdir(mail->queue_directory) != 0)
        fatal("chdir %s: %m", mail->queue_directory);
    struct arena *arena = arena_new();

    maillog_open_command(mail, arena_printf(arena, "%s/postqueue", mail->syslog_name),
                         true);
    if (action == ACTION_LIST || action == ACTION_JSON) {
        check_user(mail->mail_owner, "authorized_mailq_users", mail->authorized_mailq_users,
                   "view");
        list_queue(mail, action == ACTION_JSON);
        return 0;
    }
    check_user(mail->mail_owner, "authorized_flush_users", mail->authorized_flush_users,
               "flush");
    if (action == ACTION_FLUSH) {
        flush_queue(mail);
    } else if (action == ACTION_SITE) {
        if (!is_site(argument))
            fatal("Cannot flush mail queue - invalid destination: \"%s\"", argument);
        flush_part(mail, FLUSH_SEND_SITE, argument, NULL);
    } else {
        if (!queue_id_is_valid(str_c(argument)))
            fatal("Cannot flush queue ID - invalid name: \"%s\"", argument);
        flush_part(mail, FLUSH_SEND_FILE, NULL, argument);
    }
    return 0;
}
