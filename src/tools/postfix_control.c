// postfix_control: starting, stopping and signalling master(8).
#include "ipc/trigger.h"
#include "tools/postfix_commands.h"
#include "util/clock.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_TRIES = 5, STOP_TRY_MS = 1000, POLL_MS = 10 };

// The number that is written in a file which a master of Postfix has locked by flock(2).
static long pid_of_flock(int fd)
{
    char text[40] = "";

    if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return 0;
    return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

long postfix_master_pid(const struct mail_config *mail)
{
    struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "%s/%s/master.pid", mail->queue_directory,
                                    mail->process_id_directory);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    long pid = 0;

    // The lock's owner, not the file's text: what a crashed master left may be somebody
    // else's number by now.
    if (fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
        pid = lock.l_pid;
    else if (fd >= 0)
        pid = pid_of_flock(fd);
    if (fd >= 0)
        close(fd);
    arena_free(arena);
    return pid;
}

static long need_master(const struct postfix_run *run)
{
    long pid = postfix_master_pid(run->mail);

    if (pid == 0)
        log_fatal("the Postfix mail system is not running");
    return pid;
}

static void signal_master(long pid, int sig)
{
    if (kill((pid_t)pid, sig) < 0 && errno != ESRCH)
        log_fatal("kill %ld: %m", pid);
}

// argv of master, with `first` and what our own options ask for.
static const char **master_arguments(const struct postfix_run *run, struct arena *arena,
                                     const char *first, const char **path)
{
    struct text_list list = {0};

    *path = arena_printf(arena, "%s/master", run->mail->daemon_directory);
    if (access(*path, X_OK) < 0)
        log_fatal("no Postfix master program %s!", *path);
    text_list_add(arena, &list, *path);
    text_list_add(arena, &list, first);
    if (run->debug)
        text_list_add(arena, &list, "-D");
    for (int i = 0; i < run->verbosity; i++)
        text_list_add(arena, &list, "-v");
    text_list_add(arena, &list, NULL);
    return list.items;
}

static void prepare_start(const struct postfix_run *run)
{
    if (postfix_master_pid(run->mail) != 0)
        log_fatal("the Postfix mail system is already running");
    if (postfix_check_fatal(run) != 0)
        log_fatal("Postfix integrity check failed!");
    log_info("starting the Postfix mail system");
}

int postfix_start(const struct postfix_run *run)
{
    struct arena *arena = arena_new();
    const char *path;
    int status = 0;

    prepare_start(run);
    const char **args = master_arguments(run, arena, "-w", &path);
    pid_t pid = fork();
    if (pid < 0)
        log_fatal("fork: %m");
    if (pid == 0) {
        execv(path, (char *const *)args);
        log_fatal("exec %s: %m", path);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_fatal("mail system startup failed");
    return 0;
}

int postfix_start_fg(const struct postfix_run *run)
{
    struct arena *arena = arena_new();
    const char *path;

    if (run->mail->multi_instance_directories[0] != '\0')
        log_fatal("start-fg does not support multi_instance_directories");
    prepare_start(run);
    const char **args = master_arguments(run, arena, getpid() == 1 ? "-i" : "-s", &path);
    execv(path, (char *const *)args);
    log_fatal("cannot start-fg the master daemon");
}

// Master's lock is gone as soon as it has ended, whatever made it end.
static bool wait_for_end(const struct postfix_run *run, long pid)
{
    int64_t end = clock_ms() + STOP_TRY_MS;

    while (postfix_master_pid(run->mail) == pid) {
        if (clock_ms() > end)
            return false;
        poll(NULL, 0, POLL_MS);
    }
    return true;
}

int postfix_stop(const struct postfix_run *run)
{
    long pid = need_master(run);

    log_info("stopping the Postfix mail system");
    signal_master(pid, SIGTERM);
    for (int i = 0; i < STOP_TRIES; i++) {
        if (wait_for_end(run, pid))
            return 0;
        if (i == 0)
            log_info("waiting for the Postfix mail system to terminate");
    }
    log_warn("stopping the Postfix mail system with force");
    // In the foreground master may share the group of its starter, which is not ours to
    // kill.
    signal_master(getpgid((pid_t)pid) == pid ? -pid : pid, SIGKILL);
    return 0;
}

int postfix_quick_stop(const struct postfix_run *run)
{
    return postfix_stop(run);
}

int postfix_drain(const struct postfix_run *run)
{
    long pid = need_master(run);

    log_info("stopping the Postfix mail system");
    signal_master(pid, SIGKILL); // the workers notice, and finish what they have
    return 0;
}

int postfix_abort(const struct postfix_run *run)
{
    long pid = need_master(run);

    log_info("aborting the Postfix mail system");
    signal_master(pid, SIGQUIT);
    return 0;
}

int postfix_reload(const struct postfix_run *run)
{
    long pid = need_master(run);

    log_info("refreshing the Postfix mail system");
    signal_master(pid, SIGHUP);
    return 0;
}

int postfix_status(const struct postfix_run *run)
{
    long pid = postfix_master_pid(run->mail);

    if (pid == 0) {
        log_info("the Postfix mail system is not running");
        return 1;
    }
    log_info("the Postfix mail system is running: PID: %ld", pid);
    return 0;
}

// F: flush the deferred queue now; D and A: look at deferred/ and all of it; I: look at
// incoming/.
int postfix_flush(const struct postfix_run *run)
{
    struct arena *arena = arena_new();
    struct error err;

    (void)need_master(run);
    const char *path = arena_printf(arena, "%s/public/%s", run->mail->queue_directory,
                                    run->mail->queue_service_name);
    if (!trigger_send(path, STR_LIT("IDFA"), 10000, &err))
        log_fatal("%s", err.text);
    return 0;
}
