// log: the process's one log: syslog, a postlogd(8) socket, or standard error.
// Lines look as Postfix's do: "warning: ", "error: ", "fatal: " and "panic: " before the
// text.
#pragma once
#include "util/base.h"
#include <stdarg.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARN,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL,
    LOG_LEVEL_PANIC,
};

enum log_sinks {
    LOG_TO_SYSLOG = 1 << 0,
    LOG_TO_STDERR = 1 << 1, // "PROGRAM: TEXT"
    LOG_TO_SOCKET = 1 << 2, // datagrams to the socket given to log_set_socket
};

// `tag` as in "postfix/smtpd"; `sinks` of enum log_sinks; `facility` as for openlog(3), 0
// is mail.
void log_open(const char *tag, unsigned sinks, int facility);
// Path of a UNIX datagram socket (postlogd); each datagram is "TAG[PID]: TEXT" without
// newline, led by "<LEVEL>" so that the reader knows the severity. When the peer is away,
// syslog is used.
void log_set_socket(const char *path);
// How long a line waits for room in that socket before it goes to syslog instead (0: for
// ever).
void log_set_socket_wait(int milliseconds);
// Another function that gets each line as well (tests, postlogd itself); NULL for none.
void log_set_hook(void (*hook)(enum log_level level, const char *tag, const char *text));
// Debug lines are written from verbosity 1 on.
void log_set_verbosity(int verbosity);
int log_verbosity(void);
const char *log_tag(void);

// `%m` is errno's text. Control bytes and what is not UTF-8 in the finished line become '?', so that peer text
// can neither fake a line nor drive a terminal. errno is kept.
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
// Log, wait a second (as Postfix does, so that a crash loop is bounded; not in commands
// that set log_set_fatal_pause(false)), and exit with status 1.
_Noreturn void log_fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);
_Noreturn void log_fatal_status(int exit_status, const char *fmt, ...) PRINTF_LIKE(2, 3);
_Noreturn void log_panic(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_set_fatal_pause(bool pause);
void log_vwrite(enum log_level level, const char *fmt, va_list args);
