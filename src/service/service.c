// service: the skeleton of every daemon: options, configuration, jail, then template or
// worker.
#include "service/service.h"
#include "service/service_impl.h"
#include "service/service_jail.h"
#include "table/maps.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

// For the signal handlers, which get no argument.
static struct service *the_service;

// ---- signals
// ---------------------------------------------------------------------------------

// Master died: give its successor the ports, whatever this worker is busy with.
static void on_parent_death(int sig)
{
    int saved_errno = errno;

    (void)sig;
    service_close_listen(the_service);
    errno = saved_errno;
}

// log_fatal in a handler is a gamble; the second alarm ends the process if it is lost.
static void on_watchdog(int sig)
{
    signal(sig, SIG_DFL);
    alarm(5);
    log_fatal("watchdog timeout");
}

static void catch_signal(int sig, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_NODEFER};

    sigemptyset(&action.sa_mask);
    sigaction(sig, &action, NULL);
}

static void prepare_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    catch_signal(SIGALRM, on_watchdog);
    catch_signal(SIGUSR1, on_parent_death);
}

// ---- what the jail, the log and the configuration need to know
// -------------------------------

static int facility_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } facilities[] = {
        {"auth",     LOG_AUTH    },
        {"authpriv", LOG_AUTHPRIV},
        {"cron",     LOG_CRON    },
        {"daemon",   LOG_DAEMON  },
        {"ftp",      LOG_FTP     },
        {"kern",     LOG_KERN    },
        {"lpr",      LOG_LPR     },
        {"mail",     LOG_MAIL    },
        {"news",     LOG_NEWS    },
        {"syslog",   LOG_SYSLOG  },
        {"user",     LOG_USER    },
        {"uucp",     LOG_UUCP    },
        {"local0",   LOG_LOCAL0  },
        {"local1",   LOG_LOCAL1  },
        {"local2",   LOG_LOCAL2  },
        {"local3",   LOG_LOCAL3  },
        {"local4",   LOG_LOCAL4  },
        {"local5",   LOG_LOCAL5  },
        {"local6",   LOG_LOCAL6  },
        {"local7",   LOG_LOCAL7  },
    };

    for (size_t i = 0; i < COUNT(facilities); i++)
        if (strcmp(facilities[i].name, name) == 0)
            return facilities[i].number;
    return LOG_MAIL;
}

static void open_log(struct service *svc, const struct mail_config *mail)
{
    const char *given = getenv("MAIL_LOGTAG");
    const char *name = mail != NULL ? mail->syslog_name : given != NULL ? given : "postfix";
    bool use_socket = mail != NULL && mail->maillog_file[0] != '\0';
    unsigned sinks = use_socket ? LOG_TO_SOCKET : LOG_TO_SYSLOG;

    if (svc->opt.log_stderr)
        sinks |= LOG_TO_STDERR;
    log_open(
        arena_printf(svc->arena, "%s/%s", name,
                     svc->spec->log_name != NULL ? svc->spec->log_name : svc->spec->name),
        sinks, mail != NULL ? facility_number(mail->syslog_facility) : 0);
    log_set_verbosity(svc->opt.verbosity);
    if (use_socket) // seen from queue_directory, inside and outside of a chroot
        log_set_socket(arena_printf(svc->arena, "public/%s", mail->postlog_service_name));
}

static void load_config(struct service *svc)
{
    struct error err;
    struct text_list *overrides = &svc->opt.overrides;

    text_list_add(svc->arena, overrides,
                  arena_printf(svc->arena, "service_name=%s", svc->opt.name));
    svc->config =
        config_open(NULL, (const char *const *)overrides->items, overrides->len, &err);
    if (svc->config == NULL)
        log_fatal("%s", err.text);
    const struct mail_config *mail = service_mail(svc);
    if (chdir(mail->queue_directory) < 0)
        log_fatal("chdir %s: %m", mail->queue_directory);
    open_log(svc, mail);
    for (size_t i = 0; svc->spec->more_params != NULL && svc->spec->more_params[i] != NULL;
         i++)
        config_add_params(svc->config, svc->spec->more_params[i]);
    if (svc->spec->params != NULL &&
        !config_load(svc->config, svc->spec->params, svc->spec->config, &err))
        log_fatal("%s", err.text);
    svc->max_use = svc->opt.max_use >= 0 ? svc->opt.max_use : mail->max_use;
    svc->max_idle_s = svc->opt.max_idle >= 0 ? svc->opt.max_idle : mail->max_idle.seconds;
    svc->watchdog_s = mail->daemon_timeout.seconds;
}

static void check_needs(const struct service *svc)
{
    unsigned needs = svc->spec->needs;

    if (!svc->under_master)
        return;
    if ((needs & SERVICE_ONE_PROCESS) && !svc->opt.single)
        log_fatal("service %s requires a process limit of 1", svc->opt.name);
    if ((needs & SERVICE_NO_LIMIT) && !svc->opt.unlimited)
        log_fatal("service %s requires a process limit of 0", svc->opt.name);
    if ((needs & SERVICE_ROOT) && svc->opt.unprivileged)
        log_fatal("service %s requires privileged operation", svc->opt.name);
    if ((needs & SERVICE_NO_CHROOT) && svc->opt.chroot && !svc->is_rootless)
        log_fatal("service %s cannot run in a chroot; use \"n\" in the chroot column of "
                  "master.cf",
                  svc->opt.name);
}

static void enter_jail(struct service *svc)
{
    const struct mail_config *mail = service_mail(svc);
    bool keeps_root = !(svc->spec->needs & SERVICE_NO_PRIVILEGE) && !svc->opt.unprivileged;
    struct jail_plan plan = {
        .confine = !(svc->spec->needs & SERVICE_ROOT) && !keeps_root,
        .has_network = !(svc->spec->needs & SERVICE_NO_NETWORK),
        .data_dir = mail->data_directory,
    };
    struct error err;

    if (!svc->is_rootless && svc->opt.chroot)
        plan.chroot_dir = mail->queue_directory;
    if (!svc->is_rootless && !keeps_root && !(svc->spec->needs & SERVICE_ROOT))
        plan.user = mail->mail_owner;
    if (!jail_enter(&plan, &err))
        log_fatal("%s", err.text);
    svc->is_chrooted = plan.chroot_dir != NULL;
}

// ---- under master
// ------------------------------------------------------------------------------

static void close_on_exec(int fd)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        log_fatal("inherited descriptor %d: %m", fd);
}

static void take_inheritance(struct service *svc)
{
    if (svc->opt.sockets > SERVICE_LISTEN_MAX)
        log_fatal("invalid socket_count: %ld", svc->opt.sockets);
    svc->listen_len = (size_t)svc->opt.sockets;
    for (size_t i = 0; i < svc->listen_len; i++) {
        svc->listen_fds[i] = LISTEN_FD + (int)i;
        close_on_exec(svc->listen_fds[i]);
    }
    close_on_exec(CONTROL_FD);
    close_on_exec(LIFE_FD);
    close_on_exec(BOARD_FD);
    svc->board = board_map(BOARD_FD);
    if (svc->board == NULL)
        log_fatal("cannot map the scoreboard: %m");
    close(BOARD_FD);
}

// After a crash of master, the one process of the old service may still be at work when the
// new one starts: two queue managers must not share a queue.
static void open_single_lock(struct service *svc)
{
    const char *path =
        arena_printf(svc->arena, "%s/%s.%s", service_mail(svc)->process_id_directory,
                     svc->opt.transport, svc->opt.name);

    svc->single_fd =
        svc->opt.single ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (svc->opt.single && svc->single_fd < 0)
        log_fatal("open lock file %s: %m", path);
}

static void wait_for_single_lock(struct service *svc)
{
    if (svc->single_fd < 0 || fd_lock(svc->single_fd, FILE_LOCK_EXCLUSIVE, false))
        return;
    log_info("waiting for the previous %s process to end", svc->opt.name);
    if (!fd_lock(svc->single_fd, FILE_LOCK_EXCLUSIVE, true))
        log_fatal("select lock: %m");
}

static void serve_under_master(struct service *svc)
{
    service_template_run(svc); // returns in the worker
    wait_for_single_lock(svc);
    srandom(
        (unsigned)(getpid() ^ clock_ms())); // or all workers would draw the same numbers
    if (svc->loop != NULL)
        loop_after_fork(svc->loop);
    maps_after_fork();
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    svc->alarm_is_set = false; // fork(2) does not hand it down
    service_alive(svc);
    if (svc->spec->on_start != NULL)
        svc->spec->on_start(svc);
    if (svc->spec->model == SERVICE_CLIENT)
        service_serve_clients(svc);
    else
        service_serve_loop(svc);
}

int service_main(int argc, char **argv, const struct service_spec *spec)
{
    struct arena *arena = arena_new();
    struct service *svc = ARENA_NEW(arena, struct service);
    const char *master = getenv(CONTROL_ENV);
    struct error err;

    svc->arena = arena;
    svc->spec = spec;
    the_service = svc;
    umask(077);
    open_log(svc, NULL);
    if (!service_options_parse(arena, argc, argv, spec->name, &svc->opt, &err))
        log_fatal("%s", err.text);
    svc->under_master = master != NULL && !svc->opt.stand_alone;
    svc->is_rootless = svc->under_master ? strcmp(master, "rootless") == 0 : geteuid() != 0;
    open_log(svc, NULL);
    if (!svc->under_master && !svc->opt.stand_alone) {
        log_open(spec->name, LOG_TO_STDERR, 0);
        log_set_fatal_pause(false);
        log_fatal("do not run this command by hand");
    }
    unsetenv(CONTROL_ENV); // not for the commands that this daemon may start
    prepare_signals();
    if (svc->under_master) {
        signal(SIGINT, SIG_IGN); // of the terminal: master stops all in good order
        take_inheritance(svc);
    }
    load_config(svc);
    check_needs(svc);
    tzset(); // /etc/localtime may be out of reach in the jail
    if (spec->before_jail != NULL && !spec->before_jail(svc, &err))
        log_fatal("%s", err.text);
    if (svc->under_master)
        open_single_lock(svc);
    if (!svc->opt.stand_alone)
        enter_jail(svc);
    if (svc->under_master) {
        serve_under_master(svc);
        return 0;
    }
    if (spec->model != SERVICE_CLIENT)
        log_fatal("stand-alone mode is not possible for this service");
    if (spec->on_start != NULL)
        spec->on_start(svc);
    service_serve_stand_alone(svc);
    return 0;
}

// ---- what daemons ask the skeleton
// -------------------------------------------------------------

struct config *service_config(struct service *svc)
{
    return svc->config;
}

const struct mail_config *service_mail(struct service *svc)
{
    return config_mail(svc->config);
}

struct loop *service_loop(struct service *svc)
{
    if (svc->loop == NULL)
        svc->loop = loop_new();
    return svc->loop;
}

const char *service_name(const struct service *svc)
{
    return svc->opt.name;
}

const char *service_transport(const struct service *svc)
{
    return svc->opt.transport;
}

const struct text_list *service_args(const struct service *svc)
{
    return &svc->opt.args;
}

bool service_is_chrooted(const struct service *svc)
{
    return svc->is_chrooted;
}

bool service_is_stand_alone(const struct service *svc)
{
    return svc->opt.stand_alone;
}

bool service_is_rootless(const struct service *svc)
{
    return svc->is_rootless;
}

// The alarm is set anew at most once a second, unless that would matter.
void service_alive(struct service *svc)
{
    int64_t now = clock_ms();

    if (svc->watchdog_s <= 0 ||
        (svc->alarm_is_set && svc->watchdog_s >= 10 && now - svc->alive_at < 1000))
        return;
    alarm((unsigned)svc->watchdog_s);
    svc->alarm_is_set = true;
    svc->alive_at = now;
}

void service_set_watchdog(struct service *svc, struct duration limit)
{
    svc->watchdog_s = limit.seconds;
    svc->alarm_is_set = false;
}

void service_count_use(struct service *svc)
{
    svc->served++;
    if (svc->board != NULL)
        atomic_store_explicit(&svc->board->slots[svc->slot].served, (uint32_t)svc->served,
                              memory_order_relaxed);
}

bool service_is_draining(const struct service *svc)
{
    if (svc->draining)
        return true;
    if (svc->board == NULL)
        return false;
    return atomic_load_explicit(&svc->board->draining, memory_order_relaxed) != 0 ||
           service_life_ended(svc);
}

void service_exit(struct service *svc)
{
    svc->exiting = true;
}
