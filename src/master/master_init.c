// master_init: becoming a daemon: environment, descriptors, session, and being process 1.
#include "master/master_init.h"
#include "util/arena.h"
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int report_fd = -1; // to the foreground process that waits

// For sd_notify, and for those who run instrumented programs.
static const char *const always_kept[] = {"NOTIFY_SOCKET", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                          "LSAN_OPTIONS"};

static void keep(struct arena *arena, struct text_list *kept, const char *name)
{
    const char *value = getenv(name);

    if (value != NULL)
        text_list_add(arena, kept, arena_printf(arena, "%s=%s", name, value));
}

void init_environment(const char *import_environment)
{
    struct arena *arena = arena_new();
    struct text_list list = {0}, kept = {0};
    struct str name, value;

    if (!text_list_parse(arena, import_environment, &list, NULL))
        return;
    for (size_t i = 0; i < list.len; i++) {
        struct str item = str_c(list.items[i]);
        if (!text_unbrace(item, &item))
            item = str_c(list.items[i]);
        if (!text_split_pair(item, &name, &value))
            keep(arena, &kept, list.items[i]);
        else
            text_list_add(arena, &kept,
                          arena_printf(arena, "%.*s=%.*s", STR_FMT(name), STR_FMT(value)));
    }
    for (size_t i = 0; i < COUNT(always_kept); i++)
        keep(arena, &kept, always_kept[i]);
    clearenv();
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    for (size_t i = 0; i < kept.len; i++)
        putenv(mem_strdup(kept.items[i]));
    arena_free(arena);
}

void init_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            log_fatal("open /dev/null: %m");
    closefrom(3);
}

void init_silence(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        log_fatal("open /dev/null: %m");
    close(fd);
}

static _Noreturn void wait_for_report(int fd, pid_t pid)
{
    char answer;
    ssize_t got;
    int status;

    while ((got = read(fd, &answer, 1)) < 0 && errno == EINTR)
        continue;
    if (got == 1)
        _exit(0);
    log_set_fatal_pause(false);
    if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_fatal("daemon initialization failure -- see logs for details");
    log_fatal("daemon initialization failure -- see logs for details");
}

void init_background(bool wait)
{
    int pipe_fds[2];

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        log_fatal("pipe: %m");
    pid_t pid = fork();
    if (pid < 0)
        log_fatal("fork: %m");
    if (pid > 0) {
        close(pipe_fds[1]);
        if (wait)
            wait_for_report(pipe_fds[0], pid);
        _exit(0);
    }
    close(pipe_fds[0]);
    report_fd = pipe_fds[1];
    if (setsid() < 0)
        log_fatal("unable to set session and process group ID: %m");
}

void init_report(void)
{
    if (report_fd < 0)
        return;
    (void)!write(report_fd, "", 1);
    close(report_fd);
    report_fd = -1;
}

static pid_t first_child;

static void pass_on(int sig)
{
    int saved_errno = errno;

    kill(first_child, sig);
    errno = saved_errno;
}

void init_as_first_process(void)
{
    static const int passed[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};
    int status;
    pid_t pid = fork();

    if (pid < 0)
        log_fatal("fork: %m");
    if (pid == 0)
        return;
    first_child = pid;
    for (size_t i = 0; i < COUNT(passed); i++)
        signal(passed[i], pass_on);
    for (;;) {
        pid_t gone = waitpid(-1, &status, 0);
        if (gone == first_child)
            _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        if (gone < 0 && errno != EINTR)
            _exit(1);
    }
}
