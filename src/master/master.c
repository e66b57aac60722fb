// master: the supervisor: opens all sockets of master.cf, starts programs when clients
// come, keeps their number within limits, and replaces those that fail.
#include "master/master_event.h"
#include "master/master_generation.h"
#include "master/master_init.h"
#include "master/master_lock.h"
#include "master/master_notify.h"
#include "master/master_reload.h"
#include "master/master_service.h"
#include "master/master_state.h"
#include "master/master_stop.h"
#include "service/service_jail.h"
#include "util/log.h"
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WATCHDOG_S = 1000,
    WATCHDOG_BEAT_MS = 60 * 1000,
    LOG_WAIT_MS = 100,
};

struct options {
    const char *config_dir;
    bool no_detach, debug, init_mode, keep_stdout, test, wait;
    int verbosity;
    long exit_after_s; // -1: never
};

static _Noreturn void usage(const char *program)
{
    log_fatal(
        "usage: %s [-c config_dir] [-D (debug)] [-d (don't detach from terminal)] "
        "[-e exit_time] [-i (init mode)] [-s (keep standard output)] [-t (test)] [-v] "
        "[-w (wait for initialization)]",
        program);
}

static struct options parse_options(int argc, char **argv)
{
    struct options opt = {.exit_after_s = -1};
    int letter;

    while ((letter = getopt(argc, argv, "c:Dde:istvw")) != -1) {
        switch (letter) {
        case 'c':
            opt.config_dir = optarg;
            break;
        case 'D':
            opt.debug = true;
            break;
        case 'd':
            opt.no_detach = true;
            break;
        case 'e':
            if (!str_to_long(str_c(optarg), &opt.exit_after_s) || opt.exit_after_s < 0)
                usage(argv[0]);
            break;
        case 'i':
            opt.init_mode = true;
            break;
        case 's':
            opt.keep_stdout = true;
            break;
        case 't':
            opt.test = true;
            break;
        case 'v':
            opt.verbosity++;
            break;
        case 'w':
            opt.wait = true;
            break;
        default:
            usage(argv[0]);
        }
    }
    if (optind < argc)
        usage(argv[0]);
    if (opt.test && opt.wait)
        log_fatal("the -t and -w options cannot be used together");
    if (opt.init_mode && (opt.debug || opt.no_detach || opt.wait))
        log_fatal("the -i option cannot be used with -D, -d, or -w");
    if (opt.init_mode && getpid() != 1)
        log_fatal("-i is allowed only for PID 1 process");
    return opt;
}

static void open_log(struct arena *arena, const struct mail_config *mail,
                     const struct options *opt)
{
    bool use_socket = mail->maillog_file[0] != '\0';
    unsigned sinks = use_socket ? LOG_TO_SOCKET : LOG_TO_SYSLOG;

    if (opt->no_detach || opt->wait)
        sinks |= LOG_TO_STDERR;
    log_open(arena_printf(arena, "%s/master", mail->syslog_name), sinks, 0);
    log_set_verbosity(opt->verbosity);
    if (use_socket) {
        log_set_socket(arena_printf(arena, "public/%s", mail->postlog_service_name));
        // Master itself has to start the one who reads.
        log_set_socket_wait(LOG_WAIT_MS);
    }
}

// ---- the two lock files
// --------------------------------------------------------------------------

static const char *pid_path(struct arena *arena, const struct mail_config *mail)
{
    return arena_printf(arena, "%s/master.pid", mail->process_id_directory);
}

static void take_locks(struct arena *arena, const struct mail_config *mail,
                       bool is_rootless)
{
    const char *path = pid_path(arena, mail);
    const char *lock_path = arena_printf(arena, "%s/master.lock", mail->data_directory);
    struct error err;

    for (int i = 0; i < 2; i++) { // held until this process ends
        const char *file = i == 0 ? path : lock_path;
        int fd = master_lock_take(file, &err);
        if (fd < 0 || !master_lock_write(fd, file, &err))
            log_fatal("%s", err.text);
        const struct passwd *user = is_rootless ? NULL : getpwnam(mail->mail_owner);
        if (i == 1 && user != NULL && fchown(fd, user->pw_uid, user->pw_gid) < 0)
            log_warn("owner of %s: %m", file);
    }
}

// ---- signals and timers
// --------------------------------------------------------------------------

static void on_child(int sig, void *arg)
{
    (void)sig;
    event_reap(arg);
}

static void on_reload(int sig, void *arg)
{
    (void)sig;
    reload_begin(arg);
}

static void on_stop(int sig, void *arg)
{
    stop_begin(arg, sig);
}

static void on_abort(int sig, void *arg)
{
    stop_abort(arg, sig);
}

static void exit_time_has_come(void *arg)
{
    struct master *master = arg;

    log_info("master exit time has arrived");
    stop_abort(master, SIGTERM);
}

static void on_watchdog(int sig)
{
    signal(sig, SIG_DFL);
    alarm(5);
    log_fatal("watchdog timeout");
}

static void beat(void *arg)
{
    struct master *master = arg;

    alarm(WATCHDOG_S);
    loop_timer_set(master->watchdog, WATCHDOG_BEAT_MS);
}

static void prepare_loop(struct master *master, const struct options *opt)
{
    master->loop = loop_new();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, on_watchdog);
    loop_on_signal(master->loop, SIGCHLD, on_child, master);
    loop_on_signal(master->loop, SIGHUP, on_reload, master);
    loop_on_signal(master->loop, SIGTERM, on_stop, master);
    loop_on_signal(master->loop, SIGINT, on_stop, master);
    loop_on_signal(master->loop, SIGQUIT, on_abort, master);
    master->watchdog = loop_timer_new(master->loop, beat, master);
    beat(master);
    if (opt->exit_after_s >= 0) {
        master->exit_timer = loop_timer_new(master->loop, exit_time_has_come, master);
        loop_timer_set(master->exit_timer, opt->exit_after_s * 1000);
    }
}

static void start_services(struct master *master)
{
    struct error err;

    if (!reload_first(master, &err))
        log_fatal("%s", err.text);
    master->started = true;
    log_info("daemon started -- version %s, configuration %s",
             generation_mail(master->gen)->mail_version,
             generation_mail(master->gen)->config_directory);
    jail_log_limits();
    for (struct master_service *s = master->services; s != NULL; s = s->next)
        service_begin(s, s->entry);
}

int main(int argc, char **argv)
{
    struct master master = {0};
    struct arena *arena = arena_new();
    struct error err;

    umask(077);
    log_open("postfix/master", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    struct options opt = parse_options(argc, argv);
    if (opt.init_mode)
        init_as_first_process();
    init_descriptors();
    master.config_dir = opt.config_dir;
    master.is_rootless = geteuid() != 0;
    master.debug_daemons = opt.debug;
    master.verbosity = opt.verbosity;
    master.gen = generation_load(opt.config_dir, &err);
    if (master.gen == NULL)
        log_fatal("%s", err.text);
    const struct mail_config *mail = generation_mail(master.gen);
    if (chdir(mail->queue_directory) < 0)
        log_fatal("chdir %s: %m", mail->queue_directory);
    if (opt.test)
        return master_lock_is_held(pid_path(arena, mail)) ? 1 : 0;
    init_environment(mail->import_environment);
    if (!opt.no_detach && !opt.init_mode && !opt.keep_stdout)
        init_background(opt.wait);
    open_log(arena, mail, &opt);
    take_locks(arena, mail, master.is_rootless);
    prepare_loop(&master, &opt);
    start_services(&master);
    if (!opt.no_detach && !opt.keep_stdout && !opt.init_mode)
        init_silence();
    init_report();
    notify_ready(&master);
    loop_run(master.loop);
    return 0;
}
