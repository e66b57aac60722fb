// postfix_queue_dirs: the folders that an instance needs, with their owners and modes.
#include "tools/postfix_queue_dirs.h"
#include "util/arena.h"
#include "util/log.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum owner { BY_ROOT, BY_MAIL_OWNER };

// As Debian's package has them: maildrop/ is a drop box, public/ is for postdrop's group.
static const struct folder {
    const char *name; // below queue_directory
    mode_t mode;
    enum owner owner;
    bool for_setgid_group;
} folders[] = {
    {"active",   0700,  BY_MAIL_OWNER, false},
    {"bounce",   0700,  BY_MAIL_OWNER, false},
    {"corrupt",  0700,  BY_MAIL_OWNER, false},
    {"defer",    0700,  BY_MAIL_OWNER, false},
    {"deferred", 0700,  BY_MAIL_OWNER, false},
    {"flush",    0700,  BY_MAIL_OWNER, false},
    {"hold",     0700,  BY_MAIL_OWNER, false},
    {"incoming", 0700,  BY_MAIL_OWNER, false},
    {"private",  0700,  BY_MAIL_OWNER, false},
    {"saved",    0700,  BY_MAIL_OWNER, false},
    {"trace",    0700,  BY_MAIL_OWNER, false},
    {"maildrop", 01730, BY_MAIL_OWNER, true },
    {"public",   02710, BY_MAIL_OWNER, true },
    {"submit",   0755,  BY_ROOT,       false},
    {"pid",      0755,  BY_ROOT,       false},
};

struct owners {
    bool rootless;
    uid_t mail_uid;
    gid_t mail_gid, setgid_gid;
};

static bool find_owners(const struct mail_config *mail, bool rootless,
                        struct owners *owners, struct error *err)
{
    *owners = (struct owners){.rootless = rootless};
    if (rootless)
        return true;
    const struct passwd *user = getpwnam(mail->mail_owner);
    if (user == NULL)
        return error_config(err, "mail_owner: unknown user: %s", mail->mail_owner);
    const struct group *group = getgrnam(mail->setgid_group);
    if (group == NULL)
        return error_config(err, "setgid_group: unknown group: %s", mail->setgid_group);
    owners->mail_uid = user->pw_uid;
    owners->mail_gid = user->pw_gid;
    owners->setgid_gid = group->gr_gid;
    return true;
}

// Only a new folder, or one with the wrong owner, is changed: an administrator's tighter
// mode stays.
static bool prepare(const char *path, const struct folder *folder,
                    const struct owners *owners, struct error *err)
{
    mode_t mode = owners->rootless ? folder->mode & 0700u : folder->mode;
    uid_t uid = folder->owner == BY_MAIL_OWNER ? owners->mail_uid : 0;
    gid_t gid = folder->for_setgid_group         ? owners->setgid_gid
                : folder->owner == BY_MAIL_OWNER ? owners->mail_gid
                                                 : 0;
    struct stat st;
    bool is_new = mkdir(path, mode & 0777u) == 0;

    if (!is_new && errno != EEXIST)
        return error_config(err, "mkdir %s: %m", path);
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_config(err, "%s: is not a directory", path);
    bool wrong_owner = !owners->rootless &&
                       (st.st_uid != uid || (folder->for_setgid_group && st.st_gid != gid));
    if (wrong_owner && chown(path, uid, gid) < 0)
        return error_config(err, "chown %s: %m", path);
    if ((is_new || wrong_owner) && chmod(path, mode) < 0)
        return error_config(err, "chmod %s: %m", path);
    return true;
}

bool queue_dirs_prepare(const struct mail_config *mail, bool rootless, struct error *err)
{
    static const struct folder queue = {"", 0755, BY_ROOT, false};
    static const struct folder data = {"", 0700, BY_MAIL_OWNER, false};
    struct arena *arena = arena_new();
    struct owners owners;
    bool ok = find_owners(mail, rootless, &owners, err) &&
              prepare(mail->queue_directory, &queue, &owners, err) &&
              prepare(mail->data_directory, &data, &owners, err);

    for (size_t i = 0; ok && i < COUNT(folders); i++)
        ok = prepare(arena_printf(arena, "%s/%s", mail->queue_directory, folders[i].name),
                     &folders[i], &owners, err);
    arena_free(arena);
    return ok;
}

static void check_folder(const char *path, const struct folder *folder,
                         const struct owners *owners, const struct mail_config *mail)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return;
    if (!owners->rootless && folder->owner == BY_ROOT && st.st_uid != 0)
        log_warn("not owned by root: %s", path);
    if (!owners->rootless && folder->owner == BY_MAIL_OWNER &&
        st.st_uid != owners->mail_uid)
        log_warn("not owned by %s: %s", mail->mail_owner, path);
    if (!owners->rootless && folder->for_setgid_group && st.st_gid != owners->setgid_gid)
        log_warn("not owned by group %s: %s", mail->setgid_group, path);
    if (st.st_mode & (folder->for_setgid_group ? 0002u : 0022u))
        log_warn("group or other writable: %s", path);
}

void queue_dirs_check(const struct mail_config *mail, bool rootless)
{
    static const struct folder config = {"", 0755, BY_ROOT, false};
    struct arena *arena = arena_new();
    struct owners owners;
    struct error err;

    if (!find_owners(mail, rootless, &owners, &err)) {
        log_warn("%s", err.text);
        return;
    }
    static const char *const files[] = {"", "/main.cf", "/master.cf"};
    for (size_t i = 0; i < COUNT(files); i++)
        check_folder(arena_printf(arena, "%s%s", mail->config_directory, files[i]), &config,
                     &owners, mail);
    for (size_t i = 0; i < COUNT(folders); i++)
        check_folder(arena_printf(arena, "%s/%s", mail->queue_directory, folders[i].name),
                     &folders[i], &owners, mail);
    arena_free(arena);
}
