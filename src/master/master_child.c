// master_child: starting a service's program.
#include "master/master_child.h"
#include "master/master_generation.h"
#include "service/control.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool child_takes_stress(const struct master_service *service, long limit)
{
    return service->listen.is_public && limit != 1;
}

const char **child_arguments(struct arena *arena, const struct pool *pool, bool debug,
                             int verbosity)
{
    const struct master_entry *entry = pool->entry;
    long limit = generation_limit(pool->gen, entry);
    struct text_list list = {0};
    const struct listen_set *listen = &pool->service->listen;

    if (pool == pool->service->candidate)
        listen = &pool->service->new_listen;
    text_list_add(arena, &list, entry->command);
    if (limit == 1)
        text_list_add(arena, &list, "-l");
    if (limit == 0)
        text_list_add(arena, &list, "-z");
    if (strcmp(entry->name, entry->command) != 0) {
        text_list_add(arena, &list, "-n");
        text_list_add(arena, &list, entry->name);
    }
    text_list_add(arena, &list, "-t");
    text_list_add(arena, &list, entry->type_name);
    if (debug)
        text_list_add(arena, &list, "-D");
    for (int i = 0; i < verbosity; i++)
        text_list_add(arena, &list, "-v");
    if (entry->is_unprivileged)
        text_list_add(arena, &list, "-u");
    if (entry->is_chrooted)
        text_list_add(arena, &list, "-c");
    if (child_takes_stress(pool->service, limit)) {
        text_list_add(arena, &list, "-o");
        text_list_add(arena, &list, pool->stress ? "stress=yes" : "stress=");
    }
    if (listen->len != 1) {
        text_list_add(arena, &list, "-s");
        text_list_add(arena, &list, arena_printf(arena, "%zu", listen->len));
    }
    for (size_t i = 0; i < entry->args.len; i++)
        text_list_add(arena, &list, entry->args.items[i]);
    text_list_add(arena, &list, NULL);
    return list.items;
}

// ---- in the child, before exec
// ----------------------------------------------------------------

static void default_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

// Moves the descriptors to their agreed places; first out of the way, as the sets may
// overlap.
static void place_descriptors(const int *fds, size_t len)
{
    int high[LISTEN_MAX + LISTEN_FD];

    for (size_t i = 0; i < len; i++)
        if ((high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 256)) < 0)
            log_fatal("dup: %m");
    for (size_t i = 0; i < len; i++)
        if (dup2(high[i], CONTROL_FD + (int)i) < 0)
            log_fatal("dup2: %m");
}

static _Noreturn void run_program(const struct pool *pool, int control_fd)
{
    const struct master *master = pool->service->master;
    const struct listen_set *listen = pool == pool->service->candidate
                                          ? &pool->service->new_listen
                                          : &pool->service->listen;
    struct arena *arena = arena_new();
    int fds[LISTEN_MAX + LISTEN_FD] = {control_fd, pool->life_read, pool->board_fd};
    size_t len = 3;

    for (size_t i = 0; i < listen->len; i++)
        fds[len++] = listen->fds[i];
    default_signals();
    place_descriptors(fds, len);
    const struct mail_config *mail = generation_mail(pool->gen);
    if (setenv(CONTROL_ENV, master->is_rootless ? "rootless" : "root", 1) < 0 ||
        setenv("MAIL_CONFIG", mail->config_directory, 1) < 0)
        log_fatal("setenv: %m");
    unsetenv("NOTIFY_SOCKET");
    const char *path =
        arena_printf(arena, "%s/%s", mail->daemon_directory, pool->entry->command);
    const char **args =
        child_arguments(arena, pool, master->debug_daemons, master->verbosity);
    execv(path, (char *const *)args);
    log_fatal("exec %s: %m", path);
}

pid_t child_exec(const struct pool *pool, int *control_fd, struct error *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        error_temp(err, "4.3.0", "socketpair: %m");
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0)
        run_program(pool, pair[1]);
    close(pair[1]);
    if (pid < 0) {
        error_temp(err, "4.3.0", "fork: %m");
        close(pair[0]);
        return -1;
    }
    *control_fd = pair[0];
    return pid;
}
