// mailbox: the user's mailbox, by command, Maildir or file; and files named in aliases.
#include "local/biff.h"
#include "local/job.h"
#include "mail/maildir.h"
#include "mail/mbox.h"
#include "mail/privilege.h"
#include "util/log.h"
#include <sys/stat.h>
#include <unistd.h>

static bool ends_with_slash(const char *path)
{
    return path[0] != '\0' && path[strlen(path) - 1] == '/';
}

static struct mail_file describe(const struct task *t, const char *path, bool is_mailbox)
{
    const struct local *local = t->job->local;
    bool is_maildir = ends_with_slash(path);
    struct mail_file file = {
        .path = path,
        .uid = t->actor.uid,
        .gid = t->actor.gid,
        .limit = local->cfg->mailbox_size_limit,
        .strict_ownership = local->cfg->strict_mailbox_ownership,
        .lock = &local->lock,
        .queue_fd = t->job->d->fd,
        .data_offset = t->job->d->req->data_offset,
        .format = task_format(t, !is_maildir, DELIVERED_FILE),
    };

    if (!is_maildir)
        file.format.from_line = mail_copy_sender(t->job->arena, t->sender, "MAILER-DAEMON");
    if (!privilege_is_available()) { // all mail of the instance belongs to its one user
        file.uid = geteuid();
        file.gid = getegid();
    } else if (file.uid == 0 &&
               is_mailbox) { // root opens its own mailbox and writes nothing
        file.writer_uid = local->default_actor.uid;
        file.writer_gid = local->default_actor.gid;
    } else if (file.uid == 0) {
        file.uid = local->default_actor.uid;
        file.gid = local->default_actor.gid;
    }
    return file;
}

static bool write_file(const struct task *t, const struct mail_file *file,
                       struct error *err)
{
    return ends_with_slash(file->path) ? maildir_deliver(t->job->arena, file, err)
                                       : mbox_deliver(t->job->arena, file, err);
}

void deliver_file(const struct task *t, const char *path)
{
    struct mail_file file = describe(t, path, false);
    struct error err = {0};
    bool is_maildir = ends_with_slash(path);

    if (seen_before(t->job, 'F',
                    arena_printf(t->job->arena, "%ld:%s", (long)t->actor.uid, path)))
        return;
    if (task_is_probe(t))
        task_report(t, "2.0.0", "delivers to file: %s", path);
    else if (t->actor.home == NULL)
        file.strict_ownership =
            false; // an alias may name anybody's file that its owner can write
    if (task_is_probe(t))
        return;
    if (write_file(t, &file, &err))
        task_report(t, "2.0.0",
                    is_maildir ? "delivered to maildir" : "delivered to file: %s", path);
    else
        task_report_error(
            t, &err,
            is_maildir
                ? arena_printf(t->job->arena, "maildir delivery failed: ")
                : arena_printf(t->job->arena, "cannot append message to file %s: ", path));
}

static bool is_system_folder(const char *folder, uid_t uid)
{
    struct stat st;

    return stat(folder, &st) == 0 && !(st.st_mode & S_IWOTH) && st.st_uid != uid;
}

static const char *mailbox_path(const struct task *t, bool *system_spool)
{
    const struct local_config *cfg = t->job->local->cfg;
    struct arena *arena = t->job->arena;

    *system_spool = false;
    if (cfg->home_mailbox[0] != '\0')
        return arena_printf(arena, "%s/%s", t->actor.home, cfg->home_mailbox);
    if (ends_with_slash(cfg->mail_spool_directory))
        return arena_printf(arena, "%s%s/", cfg->mail_spool_directory, t->user);
    *system_spool = is_system_folder(cfg->mail_spool_directory, t->actor.uid);
    return arena_printf(arena, "%s/%s", cfg->mail_spool_directory, t->user);
}

// Without root a mailbox that we may not write to is no fault of the mail: it waits.
static void report_failure(const struct task *t, struct error *err, const char *path,
                           bool is_maildir)
{
    if (!privilege_is_available() && t->actor.uid != geteuid() &&
        strcmp(err->dsn, "5.2.0") == 0) {
        error_prefix(err, "the mail system runs without root privilege");
        err->kind = ERROR_TEMPORARY;
        memcpy(err->dsn, "4.2.0", sizeof("4.2.0"));
    }
    task_report_error(t, err,
                      is_maildir ? "maildir delivery failed: "
                                 : arena_printf(t->job->arena,
                                                "cannot update mailbox %s for user %s. ",
                                                path, t->user));
}

static void deliver_to_mailbox_file(const struct task *t)
{
    bool system_spool;
    const char *path = mailbox_path(t, &system_spool);
    bool is_maildir = ends_with_slash(path);
    struct mail_file file = describe(t, path, true);
    struct error err = {0};
    struct stat before = {0};

    if (task_is_probe(t)) {
        task_report(t, "2.0.0", "delivers to %s", is_maildir ? "maildir" : "mailbox");
        return;
    }
    file.system_spool = system_spool;
    if (t->job->local->cfg->biff && !is_maildir && stat(path, &before) < 0)
        before.st_size = 0;
    if (!write_file(t, &file, &err)) {
        report_failure(t, &err, path, is_maildir);
        return;
    }
    task_report(t, "2.0.0", "delivered to %s", is_maildir ? "maildir" : "mailbox");
    if (t->job->local->cfg->biff && !is_maildir)
        biff_notify(t->user, (long)before.st_size);
}

void deliver_mailbox(const struct task *t)
{
    const struct local *local = t->job->local;
    const char *command = local->cfg->mailbox_command;
    struct error err = {0};

    if (!maps_is_empty(local->mailbox_command_maps)) {
        switch (maps_find(local->mailbox_command_maps, t->job->arena, t->user, 0, &command,
                          &err)) {
        case TABLE_FAILED:
            log_warn("mailbox_command_maps lookup of %s: %s", t->user, err.text);
            task_report(t, "4.3.5", "mail system configuration error");
            return;
        case TABLE_NOT_FOUND:
            command = local->cfg->mailbox_command;
            break;
        case TABLE_FOUND:
            break;
        }
    }
    if (command[0] != '\0')
        deliver_command(t, command);
    else
        deliver_to_mailbox_file(t);
}
