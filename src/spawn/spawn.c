// spawn: runs a command for each connection, with the connection as its standard input and
// output.
#include "mail/command_user.h"
#include "mail/privilege.h"
#include "mail/run_command.h"
#include "service/service.h"
#include "spawn/spawn_config.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct spawn_config config; // filled before the first client, then only read
static struct {
    struct arena *arena; // of the rest
    struct text_list argv;
    const char *const *environment;
    uid_t uid;
    gid_t gid;
    struct duration time_limit;
    bool is_good;
    struct error mistake; // in master.cf, otherwise
} service;                // the same

static bool parse_user(const struct mail_config *mail, const char *value, struct error *err)
{
    const char *colon = strchr(value, ':');
    const char *user =
        colon == NULL ? value
                      : arena_text(service.arena, str_n(value, (size_t)(colon - value)));

    return command_user_find(mail, user, colon == NULL ? NULL : colon + 1, &service.uid,
                             &service.gid, err);
}

static const char *unbraced(const char *word)
{
    struct str inner;

    return text_unbrace(str_c(word), &inner) ? arena_text(service.arena, inner) : word;
}

static bool parse_args(const struct mail_config *mail, const struct text_list *words,
                       struct error *err)
{
    bool has_user = false;

    for (size_t i = 0; i < words->len; i++) {
        const char *word = unbraced(words->items[i]);

        if (strncmp(word, "user=", 5) == 0) {
            if (!parse_user(mail, word + 5, err))
                return false;
            has_user = true;
        } else if (strncmp(word, "argv=", 5) == 0) {
            if (word[5] != '\0')
                text_list_add(service.arena, &service.argv, unbraced(word + 5));
            while (++i < words->len)
                text_list_add(service.arena, &service.argv, unbraced(words->items[i]));
        } else {
            return error_config(err, "unknown attribute name: %s", word);
        }
    }
    if (!has_user)
        return error_config(err, "missing user= command-line attribute");
    if (service.argv.len == 0)
        return error_config(err, "missing argv= command-line attribute");
    text_list_add(service.arena, &service.argv, NULL);
    return true;
}

static bool prepare(struct service *svc, struct error *err)
{
    const struct mail_config *mail = service_mail(svc);

    service.arena = arena_new();
    service.time_limit =
        config_instance_duration(service_config(svc), service_name(svc), "_time_limit",
                                 config.command_time_limit, 's');
    service.environment =
        command_environment(service.arena, mail->export_environment, NULL);
    // A mistake is told to whoever looks when the service is used; the others go on.
    service.is_good = parse_args(mail, service_args(svc), &service.mistake);
    (void)err;
    return true;
}

static _Noreturn void run_child(int fd)
{
    if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(1);
    if (close_range(3, ~0u, 0) < 0)
        _exit(1);
    setsid();
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (privilege_is_available() && (seteuid(0) < 0 || setgroups(1, &service.gid) < 0 ||
                                     setresgid(service.gid, service.gid, service.gid) < 0 ||
                                     setresuid(service.uid, service.uid, service.uid) < 0))
        _exit(1);
    execvpe(service.argv.items[0], (char *const *)service.argv.items,
            (char *const *)service.environment);
    _exit(1);
}

// Waits for the command; when its time is over it and its children are killed.
static void supervise(struct service *svc, pid_t pid)
{
    int64_t end = clock_ms() + service.time_limit.seconds * 1000;
    struct timespec nap = {.tv_nsec = 1000000};
    int status = 0;
    pid_t got;

    while ((got = waitpid(pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        if (clock_ms() >= end) {
            log_warn("%s: process id %ld: command time limit exceeded",
                     service.argv.items[0], (long)pid);
            kill(-pid, SIGKILL);
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return;
        }
        service_alive(svc);
        nanosleep(&nap, NULL);
        if (nap.tv_nsec < 50000000)
            nap.tv_nsec *= 2;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        log_warn("command %s exit status %d", service.argv.items[0], WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        log_warn("command %s killed by signal %d", service.argv.items[0], WTERMSIG(status));
}

static void on_client(struct service *svc, int fd)
{
    struct sigaction plain = {.sa_handler = SIG_DFL}, before;

    if (!service.is_good) {
        log_warn("service %s: %s", service_name(svc), service.mistake.text);
        close(fd);
        return;
    }
    if (!fd_set_nonblocking(fd, false)) // as the command expects its input and output
        log_warn("service %s: %m", service_name(svc));
    sigaction(SIGCHLD, &plain, &before);
    pid_t pid = fork();
    if (pid == 0)
        run_child(fd);
    close(fd);
    if (pid < 0)
        log_warn("fork: %m");
    else
        supervise(svc, pid);
    sigaction(SIGCHLD, &before, NULL);
}

static const struct service_spec spawn_service = {
    .name = "spawn",
    .model = SERVICE_CLIENT,
    .needs = SERVICE_ROOT | SERVICE_NO_CHROOT,
    .params = spawn_params,
    .config = &config,
    .before_jail = prepare,
    .on_client = on_client,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &spawn_service);
}
