// postlogd: writes what the other programs log into the file that maillog_file names.
#include "mail/maillog.h"
#include "postlogd/postlogd_config.h"
#include "service/service.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { BATCH_MAX = 256 * 1024 };

static struct postlogd_config config;

// The log hook has no argument.
static struct {
    int fd; // -1: no maillog_file, lines go to syslog
    const char *host;
    struct buf *batch; // lines that came in one turn are written at once
} output = {.fd = -1};

static void write_batch(void)
{
    struct str lines = buf_view(output.batch);

    if (lines.len > 0)
        (void)!fd_write_all(output.fd, lines.ptr, lines.len); // nowhere to tell about it
    buf_clear(output.batch);
}

static void add_line(struct str text)
{
    char line[MAILLOG_LINE_MAX];
    size_t len = maillog_format(line, output.host, text);

    if (buf_append(output.batch, str_n(line, len)))
        return;
    write_batch();
    buf_put(output.batch, str_n(line, len));
}

// postlogd's own lines: sending them to its own socket could wait for itself.
static void own_line(enum log_level level, const char *tag, const char *text)
{
    char line[MAILLOG_LINE_MAX];
    int len = snprintf(line, sizeof(line), "%s[%ld]: %s", tag, (long)getpid(), text);

    (void)level;
    if (len > 0)
        add_line(str_n(line, strnlen(line, sizeof(line) - 1)));
    write_batch();
}

static bool open_file(struct service *svc, struct error *err)
{
    const struct mail_config *mail = service_mail(svc);

    if (mail->maillog_file[0] == '\0')
        return true;
    output.fd = maillog_open(mail, err);
    if (output.fd < 0)
        return false;
    output.host = mail->myhostname;
    output.batch = buf_new(BATCH_MAX);
    log_open(log_tag(), 0, 0);
    log_set_hook(own_line);
    return true;
}

// "postfix logrotate" compresses the file once nobody writes to it any more.
static void hold_file(struct service *svc)
{
    service_set_watchdog(svc, config.postlogd_watchdog_timeout);
    if (output.fd >= 0)
        (void)!flock(output.fd,
                     LOCK_SH); // a file system without locks rotates all the same
}

// "<LEVEL>TAG[PID]: TEXT"; other bytes are somebody's mistake and written all the same.
static void datagram(struct service *svc, struct str bytes)
{
    char text[MAILLOG_LINE_MAX];
    size_t end = str_starts(bytes, "<") ? str_index(bytes, '>') : SIZE_MAX;

    (void)svc;
    if (end != SIZE_MAX && end <= 4)
        bytes = str_from(bytes, end + 1);
    bytes = str_sub(bytes, 0, sizeof(text));
    memcpy(text, bytes.ptr, bytes.len);
    text_make_printable(text, bytes.len);
    if (output.fd >= 0)
        add_line(str_n(text, bytes.len));
    else
        log_info("%.*s", (int)bytes.len, text);
}

static int64_t turn_is_over(struct service *svc)
{
    (void)svc;
    if (output.fd >= 0)
        write_batch();
    return -1;
}

static const struct service_spec postlogd = {
    .name = "postlogd",
    .model = SERVICE_DGRAM,
    .needs =
        SERVICE_ONE_PROCESS | SERVICE_NO_PRIVILEGE | SERVICE_NO_NETWORK | SERVICE_STAYS,
    .params = postlogd_params,
    .config = &config,
    .before_jail = open_file,
    .on_start = hold_file,
    .on_datagram = datagram,
    .on_idle = turn_is_over,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &postlogd);
}
