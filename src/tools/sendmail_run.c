// sendmail_run: what sendmail(1) leaves to other programs.
#include "tools/sendmail_run.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static _Noreturn void run(struct arena *arena, const struct mail_config *cfg,
                          const char *folder, const char *const *argv, size_t argc)
{
    char **args = arena_array(arena, argc + 1, sizeof(*args));
    const char *path = arena_printf(arena, "%s/%s", folder, argv[0]);

    for (size_t i = 0; i < argc; i++)
        args[i] = arena_strdup(arena, argv[i]);
    setenv("MAIL_CONFIG", cfg->config_directory, 1);
    execv(path, args);
    log_fatal_status(EX_OSERR, "cannot execute %s: %m", path);
}

void sendmail_run_queue_list(struct arena *arena, const struct mail_config *cfg)
{
    const char *argv[] = {"postqueue", "-p"};

    run(arena, cfg, cfg->command_directory, argv, COUNT(argv));
}

void sendmail_run_queue(struct arena *arena, const struct mail_config *cfg,
                        const char *argument)
{
    const char *flush[] = {"postqueue", "-f"};

    if (argument == NULL)
        run(arena, cfg, cfg->command_directory, flush, COUNT(flush));
    const char *site[] = {"postqueue", argument[0] == 'I' ? "-i" : "-s", argument + 1};

    run(arena, cfg, cfg->command_directory, site, COUNT(site));
}

void sendmail_run_newaliases(struct arena *arena, const struct mail_config *cfg,
                             const char *alias_database)
{
    struct text_list names, argv = {NULL, 0};
    struct error err;

    if (!text_list_parse(arena, alias_database, &names, &err))
        log_fatal_status(EX_CONFIG, "alias_database: %s", err.text);
    if (names.len == 0)
        log_fatal_status(EX_CONFIG, "alias_database is empty: there is nothing to rebuild");
    text_list_add(arena, &argv, "postalias");
    text_list_add(arena, &argv, "--");
    for (size_t i = 0; i < names.len; i++)
        text_list_add(arena, &argv, names.items[i]);
    run(arena, cfg, cfg->command_directory, argv.items, argv.len);
}

void sendmail_run_smtp(struct arena *arena, const struct mail_config *cfg)
{
    const char *argv[] = {"smtpd", "-S"};

    run(arena, cfg, cfg->daemon_directory, argv, COUNT(argv));
}

void sendmail_run_daemon(struct arena *arena, const struct mail_config *cfg)
{
    const char *argv[] = {"postfix", "start"};

    run(arena, cfg, cfg->command_directory, argv, COUNT(argv));
}
