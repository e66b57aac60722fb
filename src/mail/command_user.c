// command_user: user=NAME[:GROUP] of pipe(8) and spawn(8).
#include "mail/command_user.h"
#include "mail/privilege.h"
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static bool check_ids(const struct mail_config *mail, const char *user, uid_t uid,
                      gid_t gid, struct error *err)
{
    const struct passwd *owner = getpwnam(mail->mail_owner);
    const struct group *drop = getgrnam(mail->setgid_group);

    if (uid == 0)
        return error_config(err, "user= command-line attribute specifies root privileges");
    if (owner != NULL && uid == owner->pw_uid)
        return error_config(
            err, "user= command-line attribute specifies mail system owner %s", user);
    if (gid == 0)
        return error_config(
            err, "user= command-line attribute specifies privileged group id %ld",
            (long)gid);
    if (drop != NULL && gid == drop->gr_gid)
        return error_config(
            err, "user= command-line attribute specifies mail system group id %ld",
            (long)gid);
    return true;
}

bool command_user_find(const struct mail_config *mail, const char *user, const char *group,
                       uid_t *uid, gid_t *gid, struct error *err)
{
    if (!privilege_is_available()) {
        *uid = geteuid();
        *gid = getegid();
        return true;
    }
    const struct passwd *pw = getpwnam(user);

    if (pw == NULL)
        return error_config(err, "unknown username: %s", user);
    uid_t found_uid = pw->pw_uid;
    gid_t found_gid = pw->pw_gid;
    if (group != NULL) {
        const struct group *gr = getgrnam(group);

        if (gr == NULL)
            return error_config(err, "unknown group: %s", group);
        found_gid = gr->gr_gid;
    }
    if (!check_ids(mail, user, found_uid, found_gid, err))
        return false;
    *uid = found_uid;
    *gid = found_gid;
    return true;
}
