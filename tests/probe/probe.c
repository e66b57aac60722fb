// probe: a daemon for the tests of master(8): line commands show and steer what it does.
// The name it is called by selects its model: probe, probe-event, probe-wake, probe-broken.
#include "service/service.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct probe_config {
    const char *probe_text;
    bool probe_fails;
};

static const struct param probe_params[] = {
    PARAM_TEXT(struct probe_config, probe_text, "none"),
    PARAM_BOOL(struct probe_config, probe_fails, "no"),
    PARAM_END,
};

static struct probe_config config;

static bool load(struct service *svc, struct error *err)
{
    (void)svc;
    if (config.probe_fails)
        return error_config(err, "probe_fails is set");
    return true;
}

static int result_of(long result)
{
    int code = result < 0 ? errno : 0;

    if (result > 2)
        close((int)result);
    return code;
}

// What an intruder would try; the errno, 0 for success.
static int attempt(struct str what)
{
    char *const argv[] = {"true", NULL};

    if (str_is(what, "exec"))
        return result_of(execv("/bin/true", argv));
    if (str_is(what, "ptrace"))
        return result_of(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
    if (str_is(what, "namespace"))
        return result_of(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    if (str_is(what, "packet"))
        return result_of(socket(AF_PACKET, SOCK_RAW, 0));
    if (str_is(what, "signal"))
        return result_of(kill(getppid(), SIGTERM));
    if (str_is(what, "internet"))
        return result_of(socket(AF_INET, SOCK_STREAM, 0));
    if (str_is(what, "write outside"))
        return result_of(
            open("/dev/shm/relais-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (str_is(what, "write inside"))
        return result_of(open("pid/relais-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return ENOENT;
}

// True to go on with the next line.
static bool answer(struct service *svc, struct stream *s, struct str line)
{
    if (str_is(line, "pid"))
        stream_printf(s, "%ld\n", (long)getpid());
    else if (str_is(line, "parent"))
        stream_printf(s, "%ld\n", (long)getppid());
    else if (str_is(line, "user"))
        stream_printf(s, "%ld %ld\n", (long)geteuid(), (long)getegid());
    else if (str_is(line, "text"))
        stream_printf(s, "%s\n", config.probe_text);
    else if (str_is(line, "stress"))
        stream_printf(s, "[%s]\n", service_mail(svc)->stress);
    else if (str_is(line, "service"))
        stream_printf(s, "%s %s\n", service_name(svc), service_transport(svc));
    else if (str_is(line, "draining"))
        stream_printf(s, "%d\n", service_is_draining(svc));
    else if (str_starts(line, "try "))
        stream_printf(s, "%s\n", strerror(attempt(str_from(line, 4))));
    else if (str_is(line, "exit"))
        exit(3);
    else if (str_is(line, "crash"))
        raise(SIGSEGV);
    else
        return false;
    return stream_flush(s) == STREAM_OK;
}

static void serve(struct service *svc, int fd)
{
    struct stream *s = stream_open(fd);
    struct str line;

    stream_set_timeout(s, 60);
    while (stream_read_line(s, 100, &line) == STREAM_OK && answer(svc, s, line))
        continue;
    stream_close(s);
}

static void connected(struct service *svc, int fd)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    (void)!write(fd, text, (size_t)len);
    close(fd);
    service_count_use(svc);
}

static void woken(struct service *svc, struct str bytes)
{
    log_info("%s woken by %.*s", service_name(svc), STR_FMT(bytes));
}

static const struct service_spec specs[] = {
    {.name = "probe",
     .model = SERVICE_CLIENT,
     .needs = SERVICE_NO_PRIVILEGE,
     .params = probe_params,
     .config = &config,
     .before_jail = load,
     .on_client = serve     },
    {.name = "probe-event",
     .model = SERVICE_EVENT,
     .needs = SERVICE_NO_PRIVILEGE,
     .params = probe_params,
     .config = &config,
     .before_jail = load,
     .on_connect = connected},
    {.name = "probe-wake",
     .model = SERVICE_TRIGGER,
     .needs = SERVICE_NO_PRIVILEGE | SERVICE_ONE_PROCESS | SERVICE_STAYS,
     .params = probe_params,
     .config = &config,
     .before_jail = load,
     .on_wake = woken       },
};

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash == NULL ? argv[0] : slash + 1;

    for (size_t i = 0; i < COUNT(specs); i++)
        if (strcmp(specs[i].name, name) == 0)
            return service_main(argc, argv, &specs[i]);
    return 9; // "probe-broken": does not even start
}
