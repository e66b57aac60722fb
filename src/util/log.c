// log: the process's one log: syslog, a postlogd(8) socket, or standard error.
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

enum {
    LINE_MAX_LEN = 4096,
    SOCKET_FD_MIN =
        128, // the low numbers are given away: descriptors that a child inherits
};

// The sink is the one thing of the process that everything shares (see STYLE: the log
// sink).
static struct {
    char tag[128];
    unsigned sinks;
    int facility, verbosity, socket_fd;
    bool no_fatal_pause;
    struct sockaddr_un socket_addr;
    void (*hook)(enum log_level level, const char *tag, const char *text);
} sink = {.tag = "relais", .sinks = LOG_TO_STDERR, .facility = LOG_MAIL, .socket_fd = -1};

static const struct {
    const char *label;
    int priority;
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"",          LOG_INFO   },
    [LOG_LEVEL_INFO] = {"",          LOG_INFO   },
    [LOG_LEVEL_WARN] = {"warning: ", LOG_WARNING},
    [LOG_LEVEL_ERROR] = {"error: ",   LOG_ERR    },
    [LOG_LEVEL_FATAL] = {"fatal: ",   LOG_CRIT   },
    [LOG_LEVEL_PANIC] = {"panic: ",   LOG_CRIT   },
};

void log_open(const char *tag, unsigned sinks, int facility)
{
    snprintf(sink.tag, sizeof(sink.tag), "%s", tag);
    sink.sinks = sinks;
    sink.facility = facility == 0 ? LOG_MAIL : facility;
    if (sinks & LOG_TO_SYSLOG)
        openlog(sink.tag, LOG_PID | LOG_NDELAY, sink.facility);
}

void log_set_socket(const char *path)
{
    if (sink.socket_fd >= 0)
        close(sink.socket_fd);
    sink.socket_fd = -1;
    if (path == NULL || strlen(path) >= sizeof(sink.socket_addr.sun_path))
        return;
    sink.socket_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(sink.socket_addr.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sink.socket_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SOCKET_FD_MIN);
    if (sink.socket_fd >= 0)
        close(fd);
    else
        sink.socket_fd = fd;
}

void log_set_socket_wait(int milliseconds)
{
    struct timeval wait = {milliseconds / 1000, (milliseconds % 1000) * 1000};

    if (sink.socket_fd >= 0)
        setsockopt(sink.socket_fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

void log_set_hook(void (*hook)(enum log_level level, const char *tag, const char *text))
{
    sink.hook = hook;
}

void log_set_verbosity(int verbosity)
{
    sink.verbosity = verbosity;
}

int log_verbosity(void)
{
    return sink.verbosity;
}

const char *log_tag(void)
{
    return sink.tag;
}

void log_set_fatal_pause(bool pause)
{
    sink.no_fatal_pause = !pause;
}

// postlogd reads "<PRIORITY>TAG[PID]: TEXT". False when nobody is there to read it.
static bool to_socket(enum log_level level, const char *line)
{
    char datagram[LINE_MAX_LEN + 256];
    int len = snprintf(datagram, sizeof(datagram), "<%d>%s[%d]: %s", (int)level, sink.tag,
                       (int)getpid(), line);

    if (sink.socket_fd < 0)
        return false;
    if (len >= (int)sizeof(datagram))
        len = sizeof(datagram) - 1;
    return sendto(sink.socket_fd, datagram, (size_t)len, MSG_NOSIGNAL,
                  (const struct sockaddr *)&sink.socket_addr,
                  sizeof(sink.socket_addr)) >= 0;
}

void log_vwrite(enum log_level level, const char *fmt, va_list args)
{
    char line[LINE_MAX_LEN];
    int saved_errno = errno;
    size_t label = strlen(levels[level].label);

    memcpy(line, levels[level].label, label + 1);
    vsnprintf(line + label, sizeof(line) - label, fmt, args);
    text_make_printable(line, strlen(line));
    if (sink.hook != NULL)
        sink.hook(level, sink.tag, line);
    if (sink.sinks & LOG_TO_STDERR) {
        const char *program = strrchr(sink.tag, '/');
        fprintf(stderr, "%s: %s\n", program == NULL ? sink.tag : program + 1, line);
    }
    bool delivered = (sink.sinks & LOG_TO_SOCKET) != 0 && to_socket(level, line);
    if ((sink.sinks & LOG_TO_SYSLOG) || ((sink.sinks & LOG_TO_SOCKET) && !delivered))
        syslog(levels[level].priority | sink.facility, "%s", line);
    errno = saved_errno;
}

#define LOG_FUNCTION(name, level)                                                          \
    void name(const char *fmt, ...)                                                        \
    {                                                                                      \
        va_list args;                                                                      \
                                                                                           \
        va_start(args, fmt);                                                               \
        log_vwrite(level, fmt, args);                                                      \
        va_end(args);                                                                      \
    }
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)

void log_debug(const char *fmt, ...)
{
    va_list args;

    if (sink.verbosity == 0)
        return;
    va_start(args, fmt);
    log_vwrite(LOG_LEVEL_DEBUG, fmt, args);
    va_end(args);
}

static _Noreturn void end(int exit_status)
{
    if (!sink.no_fatal_pause)
        sleep(1);
    exit(exit_status);
}

_Noreturn void log_fatal(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(LOG_LEVEL_FATAL, fmt, args);
    va_end(args);
    end(1);
}

_Noreturn void log_fatal_status(int exit_status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(LOG_LEVEL_FATAL, fmt, args);
    va_end(args);
    end(exit_status);
}

_Noreturn void log_panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(LOG_LEVEL_PANIC, fmt, args);
    va_end(args);
    abort();
}
