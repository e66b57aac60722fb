// postlog: writes one log line, or one for each line of standard input.
#include "config/config.h"
#include "mail/maillog.h"
#include "util/help.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_LIMIT = 4000 };

static const struct {
    const char *name;
    enum log_level level;
} severities[] = {
    {"info",    LOG_LEVEL_INFO },
    {"warn",    LOG_LEVEL_WARN },
    {"warning", LOG_LEVEL_WARN },
    {"error",   LOG_LEVEL_ERROR},
    {"fatal",   LOG_LEVEL_FATAL},
    {"panic",   LOG_LEVEL_PANIC},
};

static _Noreturn void usage(const char *program)
{
    log_fatal("usage: %s [-c config_dir] [-i] [-p priority] [-t tag] [-v] [text]", program);
}

static enum log_level find_severity(const char *name)
{
    for (size_t i = 0; i < COUNT(severities); i++)
        if (strcmp(severities[i].name, name) == 0)
            return severities[i].level;
    log_fatal("bad severity: \"%s\"", name);
}

static void write_record(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void write_record(enum log_level level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    log_vwrite(level, fmt, args);
    va_end(args);
    if (level >= LOG_LEVEL_FATAL)
        sleep(1); // a loop that logs such lines should not run hot
}

static char *join(char **words, int len)
{
    struct arena *arena = arena_new();
    char *text = arena_strdup(arena, words[0]);

    for (int i = 1; i < len; i++)
        text = arena_printf(arena, "%s %s", text, words[i]);
    return text;
}

static const char help[] =
    "usage: postlog [-iv] [-c dir] [-p priority] [-t tag] [text...]\n"
    "Writes TEXT, or each line of standard input, to the mail log.\n"
    "  -p  info (default), warn, error, fatal, panic      -t  name in the log\n";

int main(int argc, char **argv)
{
    enum log_level level = LOG_LEVEL_INFO;
    const char *tag = getenv("MAIL_LOGTAG");
    const char *dir = NULL;
    struct error err;
    char line[LINE_LIMIT];
    int letter;

    help_if_asked(argc, argv, help);
    log_open("postfix/postlog", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    while ((letter = getopt(argc, argv, "c:ip:t:v")) != -1) {
        if (letter == 'c')
            dir = optarg;
        else if (letter == 'p')
            level = find_severity(optarg);
        else if (letter == 't')
            tag = optarg;
        else if (letter != 'i' && letter != 'v')
            usage(argv[0]);
    }
    struct config *cfg = config_open(dir, NULL, 0, &err);
    if (cfg == NULL)
        log_fatal("%s", err.text);
    if (tag == NULL)
        tag = "postfix/postlog";
    // The group that the program is installed with is for postlogd's socket only.
    maillog_open_command(config_mail(cfg), tag, isatty(STDERR_FILENO) != 0);
    if (optind < argc) {
        write_record(level, "%s", join(argv + optind, argc - optind));
        return 0;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        write_record(level, "%s", line);
    }
    return 0;
}
