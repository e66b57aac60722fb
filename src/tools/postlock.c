// postlock: runs a command while it holds the lock of a mailbox.
#include "config/config.h"
#include "mail/mailbox_lock.h"
#include "util/help.h"
#include "util/log.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static _Noreturn void usage(const char *program)
{
    log_fatal_status(EX_TEMPFAIL, // compat: test_commands.py
                     "usage: %s [-c config_dir] [-l lock_style] [-v] folder command...",
                     program);
}

// As Postfix does: a machine short of processes is tried again.
static pid_t fork_patiently(const struct mail_config *mail)
{
    for (long i = 1;; i++) {
        pid_t pid = fork();
        if (pid >= 0)
            return pid;
        if (i >= mail->fork_attempts)
            log_fatal_status(EX_TEMPFAIL, "fork: %m");
        sleep((unsigned)mail->fork_delay.seconds);
    }
}

static int run_command(const struct mail_config *mail, char **argv)
{
    int status;
    pid_t pid = fork_patiently(mail);

    if (pid == 0) {
        execvp(argv[0], argv);
        log_fatal_status(EX_TEMPFAIL, "execvp %s: %m", argv[0]);
    }
    if (waitpid(pid, &status, 0) != pid)
        log_fatal_status(EX_TEMPFAIL, "waitpid: %m");
    return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

static int lock_and_run(const struct mail_config *mail, const char *path, unsigned methods,
                        char **argv)
{
    struct mailbox_lock_policy policy = mailbox_lock_policy(mail, methods);
    struct error err;
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        log_fatal_status(EX_TEMPFAIL, "open file %s: %m", path);
    if (!mailbox_lock_fd(fd, &policy, &err))
        log_fatal_status(EX_TEMPFAIL, "open file %s: %s", path, err.text);
    bool dotted = (methods & MAILBOX_LOCK_DOTLOCK) != 0;
    if (dotted && !dot_lock(path, &policy, &err))
        log_fatal_status(EX_TEMPFAIL, "open file %s: %s", path, err.text);
    int status = run_command(mail, argv);
    if (dotted)
        dot_unlock(path);
    close(fd);
    return status;
}

static const char help[] =
    "usage: postlock [-c dir] [-l styles] [-v] file command...\n"
    "Runs COMMAND while FILE is locked as a mailbox is; 75 when it cannot be locked.\n";

int main(int argc, char **argv)
{
    const char *dir = NULL, *style = NULL;
    struct error err;
    unsigned methods;
    int letter;

    help_if_asked(argc, argv, help);
    log_open("postfix/postlock", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    while ((letter = getopt(argc, argv, "+c:l:v")) != -1) {
        if (letter == 'c')
            dir = optarg;
        else if (letter == 'l')
            style = optarg;
        else if (letter != 'v')
            usage(argv[0]);
    }
    if (argc - optind < 2)
        usage(argv[0]);
    struct config *cfg = config_open(dir, NULL, 0, &err);
    if (cfg == NULL)
        log_fatal_status(EX_TEMPFAIL, "%s", err.text);
    const struct mail_config *mail = config_mail(cfg);
    if (style == NULL)
        style = mail->mailbox_delivery_lock;
    if (!mailbox_lock_parse("mailbox_delivery_lock", style, &methods, &err))
        log_fatal_status(EX_TEMPFAIL, "%s", err.text);
    return lock_and_run(mail, argv[optind], methods, argv + optind + 1);
}
