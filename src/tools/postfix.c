// postfix: starts, stops and looks after the mail system.
#include "mail/maillog.h"
#include "tools/postfix_commands.h"
#include "util/help.h"
#include "util/log.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct command {
    const char *name;
    int (*run)(const struct postfix_run *run);
    bool takes_arguments;
} commands[] = {
    {"start",                 postfix_start,                 false},
    {"start-fg",              postfix_start_fg,              false},
    {"stop",                  postfix_stop,                  false},
    {"quick-start",           postfix_start,                 false},
    {"quick-stop",            postfix_quick_stop,            false},
    {"drain",                 postfix_drain,                 false},
    {"abort",                 postfix_abort,                 false},
    {"reload",                postfix_reload,                false},
    {"flush",                 postfix_flush,                 false},
    {"check",                 postfix_check,                 false},
    {"check-fatal",           postfix_check_fatal,           false},
    {"check-warn",            postfix_check_warn,            false},
    {"status",                postfix_status,                false},
    {"logrotate",             postfix_logrotate,             false},
    {"set-permissions",       postfix_set_permissions,       true },
    {"upgrade-configuration", postfix_upgrade_configuration, true },
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

// An ordinary user may run an instance of their own, not look after that of the system.
static bool is_own_instance(const struct mail_config *mail)
{
    struct stat st;

    return stat(mail->queue_directory, &st) < 0 ? access(mail->config_directory, W_OK) == 0
                                                : st.st_uid == geteuid();
}

static void parse_options(int argc, char **argv, struct postfix_run *run)
{
    int letter;

    while ((letter = getopt(argc, argv, "+c:Dv")) != -1) {
        if (letter == 'c') {
            if (optarg[0] != '/')
                log_fatal("-c requires absolute pathname");
            if (setenv("MAIL_CONFIG", optarg, 1) < 0)
                log_fatal("setenv: %m");
        } else if (letter == 'D') {
            run->debug = true;
        } else if (letter == 'v') {
            run->verbosity++;
        } else {
            log_fatal("usage: %s [-c config_dir] [-Dv] command", argv[0]);
        }
    }
    if (optind >= argc)
        log_fatal("usage: %s [-c config_dir] [-Dv] command", argv[0]);
    run->argc = argc - optind;
    run->argv = argv + optind;
}

static const char help[] =
    "usage: postfix [-c dir] [-Dv] command\n"
    "  start, start-fg   run the mail system, in the foreground\n"
    "  stop, abort       end it in order, at once      drain  let deliveries finish\n"
    "  reload            read the configuration again  status is it running?\n"
    "  flush             try all deferred mail now     check  look for mistakes\n"
    "  set-permissions, upgrade-configuration, logrotate\n";

int main(int argc, char **argv)
{
    struct postfix_run run = {0};
    struct arena *arena = arena_new();
    struct error err;

    help_if_asked(argc, argv, help);
    log_open("postfix/postfix", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    if (getuid() != geteuid())
        log_fatal("the postfix command must not run as a set-uid process");
    parse_options(argc, argv, &run);
    umask(022);
    run.cfg = config_open(NULL, NULL, 0, &err);
    if (run.cfg == NULL)
        log_fatal("%s", err.text);
    run.mail = config_mail(run.cfg);
    run.rootless = geteuid() != 0;
    if (run.rootless && !is_own_instance(run.mail)) {
        log_error("to submit mail, use the Postfix sendmail command");
        log_fatal("the postfix command is reserved for the superuser");
    }
    if (setenv("MAIL_CONFIG", run.mail->config_directory, 1) < 0)
        log_fatal("setenv: %m");
    maillog_open_command(run.mail,
                         arena_printf(arena, "%s/postfix-script", run.mail->syslog_name),
                         isatty(STDERR_FILENO) != 0);
    const struct command *command = find_command(run.argv[0]);
    if (command == NULL)
        log_fatal(
            "unknown command: '%s'. Usage: postfix start (or stop, reload, abort, flush, "
            "check, status, set-permissions, upgrade-configuration, logrotate)",
            run.argv[0]);
    if (run.argc > 1 && !command->takes_arguments)
        log_fatal("usage postfix %s (no arguments)", run.argv[0]);
    return command->run(&run);
}
