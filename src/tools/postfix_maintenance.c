// postfix_maintenance: checks, permissions, log rotation and completing the configuration.
#include "config/master_cf.h"
#include "tools/postfix_commands.h"
#include "tools/postfix_chroot.h"
#include "tools/postfix_queue_dirs.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MASTER_CF_MAX = 4 << 20, WRITER_WAIT_MS = 20 * 1000 };

static void need_folder(const char *what, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        log_fatal("no Postfix %s directory %s!", what, path);
}

int postfix_check_fatal(const struct postfix_run *run)
{
    const struct mail_config *mail = run->mail;
    struct arena *arena = arena_new();
    struct master_cf services;
    struct error err;

    need_folder("configuration", mail->config_directory);
    need_folder("daemon", mail->daemon_directory);
    need_folder("command", mail->command_directory);
    const char *path = arena_printf(arena, "%s/master.cf", mail->config_directory);
    if (access(path, F_OK) < 0)
        log_fatal("no %s file found", path);
    if (!master_cf_read(arena, path, !config_level_at_least(run->cfg, "1"), &services,
                        &err))
        log_fatal("%s", err.text);
    if (!queue_dirs_prepare(mail, run->rootless, &err)) {
        log_error("%s", err.text);
        log_fatal("unable to create missing queue directories");
    }
    chroot_refresh(mail, &services);
    arena_free(arena);
    return 0;
}

int postfix_check_warn(const struct postfix_run *run)
{
    queue_dirs_check(run->mail, run->rootless);
    return 0;
}

int postfix_check(const struct postfix_run *run)
{
    int status = postfix_check_fatal(run);

    return status != 0 ? status : postfix_check_warn(run);
}

// ---- postfix logrotate
// -----------------------------------------------------------------------

// After a reload the new postlogd(8) opens the new file; the old one holds the renamed file
// until it has written its last line.
static void wait_for_writer(const char *path)
{
    int64_t end = clock_ms() + WRITER_WAIT_MS;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK &&
           clock_ms() < end)
        poll(NULL, 0, 10);
    if (fd >= 0)
        close(fd);
}

static bool compress(const char *compressor, const char *path)
{
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return false;
    if (pid == 0) {
        execlp(compressor, compressor, path, (char *)NULL);
        _exit(127);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int postfix_logrotate(const struct postfix_run *run)
{
    const struct mail_config *mail = run->mail;
    const struct {
        const char *name, *value;
    } needed[] = {
        {"maillog_file",               mail->maillog_file              },
        {"maillog_file_rotate_suffix", mail->maillog_file_rotate_suffix},
        {"maillog_file_compressor",    mail->maillog_file_compressor   },
    };
    struct arena *arena = arena_new();
    char suffix[200];
    time_t now = time(NULL);

    for (size_t i = 0; i < COUNT(needed); i++)
        if (needed[i].value[0] == '\0')
            log_fatal("empty '%s' parameter value - logfile rotation failed",
                      needed[i].name);
    if (strncmp(mail->maillog_file, "/dev/", 5) == 0)
        log_fatal("not rotating '%s'", mail->maillog_file);
    if (strftime(suffix, sizeof(suffix), mail->maillog_file_rotate_suffix,
                 localtime(&now)) == 0)
        log_fatal("logfile '%s' rotation failed: bad maillog_file_rotate_suffix",
                  mail->maillog_file);
    const char *path = arena_printf(arena, "%s.%s", mail->maillog_file, suffix);
    if (rename(mail->maillog_file, path) < 0)
        log_fatal("logfile '%s' rotation failed: %m", mail->maillog_file);
    long pid = postfix_master_pid(mail);
    if (pid != 0)
        kill((pid_t)pid, SIGHUP);
    wait_for_writer(path);
    if (!compress(mail->maillog_file_compressor, path))
        log_fatal("logfile '%s' rotation failed: cannot compress %s", mail->maillog_file,
                  path);
    arena_free(arena);
    return 0;
}

// ---- postfix set-permissions
// -------------------------------------------------------------------

static void set_program(const char *dir, const char *name, const struct group *group)
{
    struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "%s/%s", dir, name);
    mode_t mode = group == NULL ? 0755 : 02755;

    if (access(path, F_OK) == 0 &&
        (chown(path, 0, group == NULL ? 0 : group->gr_gid) < 0 || chmod(path, mode) < 0))
        log_fatal("%s: %m", path);
    arena_free(arena);
}

int postfix_set_permissions(const struct postfix_run *run)
{
    static const char *const with_group[] = {"postdrop", "postqueue", "postlog"};
    const struct mail_config *mail = run->mail;
    struct error err;

    for (int i = 1; i < run->argc; i++) // as Postfix: a new mail_owner or setgid_group
        log_fatal("set \"%s\" with postconf(1) first", run->argv[i]);
    if (!queue_dirs_prepare(mail, run->rootless, &err))
        log_fatal("%s", err.text);
    if (run->rootless)
        return 0;
    const struct group *group = getgrnam(mail->setgid_group);
    if (group == NULL)
        log_fatal("setgid_group: unknown group: %s", mail->setgid_group);
    for (size_t i = 0; i < COUNT(with_group); i++)
        set_program(mail->command_directory, with_group[i], group);
    return 0;
}

// ---- postfix upgrade-configuration ---------------------------------------------------

// Services that older files lack. (Those whose programs do not exist here are not offered.)
static const struct {
    const char *name;
    enum master_type type;
    const char *line;
} later_services[] = {
    {"flush",   MASTER_UNIX,       "flush     unix  n       -       n       1000?   0       flush"},
    {"trace",   MASTER_UNIX,
     "trace     unix  -       -       n       -       0       bounce"                             },
    {"submit",  MASTER_UNIX,
     "submit    unix  n       -       n       -       -       submit"                             },
    {"anvil",   MASTER_UNIX,       "anvil     unix  -       -       n       -       1       anvil"},
    {"discard", MASTER_UNIX,
     "discard   unix  -       -       n       -       -       discard"                            },
    {"retry",   MASTER_UNIX,       "retry     unix  -       -       n       -       -       error"},
    {"postlog", MASTER_UNIX_DGRAM,
     "postlog   unix-dgram n  -       n       -       1       postlogd"                           },
};

static bool has_service(const struct master_cf *services, const char *name,
                        enum master_type type)
{
    for (size_t i = 0; i < services->len; i++)
        if (services->entries[i].type == type &&
            strcmp(services->entries[i].name, name) == 0)
            return true;
    return false;
}

int postfix_upgrade_configuration(const struct postfix_run *run)
{
    struct arena *arena = arena_new();
    const char *path = arena_printf(arena, "%s/master.cf", run->mail->config_directory);
    struct buf *text = buf_make(arena, MASTER_CF_MAX + 4096);
    struct master_cf services;
    struct str old;
    struct error err;
    bool changed = false;

    if (run->argc > 1)
        log_fatal("set \"%s\" with postconf(1)", run->argv[1]);
    if (!file_read_all(arena, path, MASTER_CF_MAX, &old, &err) ||
        !master_cf_parse(arena, path, old, !config_level_at_least(run->cfg, "1"), &services,
                         &err))
        log_fatal("%s", err.text);
    buf_put(text, old);
    if (old.len > 0 && old.ptr[old.len - 1] != '\n')
        buf_put_c(text, "\n");
    for (size_t i = 0; i < COUNT(later_services); i++) {
        if (has_service(&services, later_services[i].name, later_services[i].type))
            continue;
        log_info("editing %s, adding missing entry for %s service", path,
                 later_services[i].name);
        buf_putf(text, "%s\n", later_services[i].line);
        changed = true;
    }
    if (changed && !file_replace(path, buf_view(text), 0644, &err))
        log_fatal("%s", err.text);
    arena_free(arena);
    return 0;
}
