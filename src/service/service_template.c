// service_template: the process that has everything loaded and forks workers at master's
// word.
#include "service/service_impl.h"
#include "util/log.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct template
{
    struct service *svc;
    size_t children; // workers that the kernel made ours instead of master's
    bool own_children;
};

// Only its existence matters: it ends the wait when a child of ours has ended.
static void on_child(int sig)
{
    (void)sig;
}

static void report(const struct control_msg *msg)
{
    if (!control_send(CONTROL_FD, msg))
        _exit(0); // master has gone, or reads no more
}

// A child of master's: it reaps the worker itself, and the template need not stay awake.
static pid_t fork_beside(void)
{
    return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
}

static pid_t fork_worker(struct template *tpl)
{
    if (!tpl->own_children) {
        pid_t pid = fork_beside();
        if (pid >= 0 || errno != EINVAL)
            return pid;
        tpl->own_children = true;
    }
    pid_t pid = fork();
    if (pid > 0)
        tpl->children++;
    return pid;
}

// Returns true in the new worker.
static bool start_worker(struct template *tpl, const struct control_msg *request)
{
    pid_t pid = fork_worker(tpl);

    if (pid == 0) {
        tpl->svc->slot = request->slot;
        return true;
    }
    struct control_msg answer = {.op = pid > 0 ? CONTROL_FORKED : CONTROL_FORK_FAILED,
                                 .slot = request->slot,
                                 .pid = (int32_t)pid,
                                 .status = pid > 0 ? 0 : errno};
    report(&answer);
    return false;
}

static void reap_own_children(struct template *tpl)
{
    int status;
    pid_t pid;

    while (tpl->children > 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct control_msg msg = {
            .op = CONTROL_EXITED, .pid = (int32_t)pid, .status = status};
        tpl->children--;
        (void)!control_send(CONTROL_FD, &msg);
    }
}

// True when this process is to serve clients from now on.
static bool handle_requests(struct template *tpl)
{
    struct control_msg msg;

    for (;;) {
        switch (control_receive(CONTROL_FD, &msg)) {
        case CONTROL_NOTHING:
            return false;
        case CONTROL_GONE:
            _exit(0);
        case CONTROL_GOT:
            break;
        }
        if (msg.slot >= tpl->svc->board->slots_len)
            continue;
        if (msg.op == CONTROL_FORK && start_worker(tpl, &msg))
            return true;
        if (msg.op == CONTROL_SERVE) {
            tpl->svc->slot = msg.slot;
            return true;
        }
    }
}

void service_template_run(struct service *svc)
{
    struct template tpl = {.svc = svc};
    struct pollfd fds[2] = {
        {.fd = CONTROL_FD, .events = POLLIN},
        {.fd = LIFE_FD,    .events = POLLIN}
    };
    struct sigaction action = {.sa_handler = on_child};
    bool self = (svc->spec->needs & SERVICE_NO_FORK_WORKERS) || svc->opt.single;
    bool shared = svc->spec->model != SERVICE_CLIENT;
    struct control_msg ready = {.op = CONTROL_READY,
                                .flags = (self ? CONTROL_SELF : 0u) |
                                         (shared ? CONTROL_SHARED : 0u)};

    sigaction(SIGCHLD, &action, NULL);
    report(&ready);
    for (;;) {
        // A second bounds the harm when a child ends just before the wait.
        int n = poll(fds, COUNT(fds), tpl.children > 0 ? 1000 : -1);

        reap_own_children(&tpl);
        if (n > 0 && fds[1].revents != 0 && tpl.children == 0)
            _exit(0);
        if (n > 0 && fds[1].revents != 0)
            fds[1].fd = -1; // stays only to tell how its children end
        if (n > 0 && fds[0].revents != 0 && handle_requests(&tpl))
            break;
    }
    signal(SIGCHLD, SIG_DFL);
    if (!self)
        close(CONTROL_FD);
    svc->is_worker = true;
}
