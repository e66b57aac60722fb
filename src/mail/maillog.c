// maillog: the log file that maillog_file names, for the few who write it themselves.
#include "mail/maillog.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static bool has_allowed_prefix(const struct mail_config *mail)
{
    struct str rest = str_c(mail->maillog_file_prefixes);
    struct str prefix;

    while (str_take(&rest, ", \t\r\n", &prefix)) {
        size_t len = prefix.len;
        while (len > 1 && prefix.ptr[len - 1] == '/')
            len--;
        char next = strncmp(mail->maillog_file, prefix.ptr, len) == 0
                        ? mail->maillog_file[len]
                        : 'x';
        if (next == '\0' || next == '/')
            return true;
    }
    return false;
}

int maillog_open(const struct mail_config *mail, struct error *err)
{
    const char *path = mail->maillog_file;
    long mode = strtol(mail->maillog_file_permissions, NULL, 8);

    if (!has_allowed_prefix(mail)) {
        error_config(err,
                     "maillog_file value '%s' does not match a prefix in "
                     "maillog_file_prefixes",
                     path);
        return -1;
    }
    if (mode != 0600 && mode != 0640 && mode != 0644) {
        error_config(
            err,
            "bad maillog_file_permissions value: '%s'; specify one of 0600, 0640, 0644",
            mail->maillog_file_permissions);
        return -1;
    }
    int fd = strcmp(path, "/dev/stdout") == 0
                 ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        error_config(err, "open logfile '%s': %m", path);
    else if (strncmp(path, "/dev/", 5) != 0)
        (void)!fchmod(fd, (mode_t)mode); // of an existing file: its owner's business
    return fd;
}

size_t maillog_format(char line[MAILLOG_LINE_MAX], const char *host, struct str text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;

    localtime_r(&now, &tm);
    int len = snprintf(line, MAILLOG_LINE_MAX, "%.3s %2d %02d:%02d:%02d %.*s %.*s",
                       months + 3 * tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                       (int)strcspn(host, "."), host, STR_FMT(text));
    size_t used = len < MAILLOG_LINE_MAX - 1 ? (size_t)len : MAILLOG_LINE_MAX - 2;
    line[used] = '\n';
    return used + 1;
}

// ---- commands
// ------------------------------------------------------------------------------------

// The log hook has no argument.
static struct {
    const struct mail_config *mail;
    struct sockaddr_un addr;
} command;

static bool to_postlogd(const char *datagram, size_t len)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return false;
    ssize_t sent = sendto(fd, datagram, len, MSG_NOSIGNAL,
                          (const struct sockaddr *)&command.addr, sizeof(command.addr));
    close(fd);
    return sent >= 0;
}

static bool to_file(struct str text)
{
    char line[MAILLOG_LINE_MAX];
    int fd = maillog_open(command.mail, NULL);

    if (fd < 0)
        return false;
    size_t len = maillog_format(line, command.mail->myhostname, text);
    bool ok = fd_write_all(fd, line, len);
    close(fd);
    return ok;
}

static void write_line(enum log_level level, const char *tag, const char *text)
{
    char datagram[MAILLOG_LINE_MAX];
    int len = snprintf(datagram, sizeof(datagram), "<%d>%s[%ld]: %s", (int)level, tag,
                       (long)getpid(), text);

    if (len >= (int)sizeof(datagram))
        len = sizeof(datagram) - 1;
    struct str whole = str_n(datagram, (size_t)len);
    if (to_postlogd(whole.ptr, whole.len) ||
        to_file(str_from(whole, str_index(whole, '>') + 1)))
        return;
    openlog(tag, LOG_PID, LOG_MAIL);
    syslog(level >= LOG_LEVEL_FATAL ? LOG_CRIT : LOG_INFO, "%s", text);
}

void maillog_open_command(const struct mail_config *mail, const char *tag, bool to_stderr)
{
    unsigned sinks = to_stderr ? LOG_TO_STDERR : 0u;

    if (mail->maillog_file[0] == '\0') {
        log_open(tag, sinks | LOG_TO_SYSLOG, 0);
        return;
    }
    command.mail = mail;
    command.addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(command.addr.sun_path, sizeof(command.addr.sun_path), "%s/public/%s",
             mail->queue_directory, mail->postlog_service_name);
    log_open(tag, sinks, 0);
    log_set_hook(write_line);
}
