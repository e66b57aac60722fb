// maillog: the log file that maillog_file names, for the few who write it themselves.
#pragma once
#include "config/mail_config.h"
#include "util/error.h"
#include "util/str.h"

enum { MAILLOG_LINE_MAX = 5000 };

// Checks maillog_file against maillog_file_prefixes and opens it for appending;
// "/dev/stdout" is this process's standard output. -1 with the reason.
int maillog_open(const struct mail_config *mail, struct error *err);
// One line as syslogd would write it: "Nov  3 10:00:00 HOST TEXT\n"; the length written.
size_t maillog_format(char line[MAILLOG_LINE_MAX], const char *host, struct str text);

// The log of a command: postlogd's socket, else the file itself, else syslog; and standard
// error if wanted. Paths and names are kept by reference.
void maillog_open_command(const struct mail_config *mail, const char *tag, bool to_stderr);
