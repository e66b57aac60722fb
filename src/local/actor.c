// actor: users of the system, as those on whose behalf mail is delivered.
#include "local/job.h"
#include "mail/privilege.h"
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static void fill(struct arena *arena, const struct passwd *pw, struct actor *actor)
{
    *actor = (struct actor){
        .uid = pw->pw_uid,
        .gid = pw->pw_gid,
        .name = arena_strdup(arena, pw->pw_name),
        .home = arena_strdup(arena, pw->pw_dir),
        .shell = arena_strdup(arena, pw->pw_shell[0] != '\0' ? pw->pw_shell : "/bin/sh"),
    };
}

// `name` comes from an address: nothing but what a login name may be reaches the system's
// tables.
static bool is_login_name(const char *name)
{
    return name[0] != '\0' && strlen(name) < 256 && strchr(name, '/') == NULL &&
           strchr(name, ':') == NULL && strchr(name, '\n') == NULL;
}

bool actor_find(struct arena *arena, const char *name, struct actor *actor, bool *found,
                struct error *err)
{
    char space[16384];
    struct passwd pw, *result = NULL;
    int status;

    *found = false;
    if (!is_login_name(name))
        return true;
    do
        status = getpwnam_r(name, &pw, space, sizeof(space), &result);
    while (status == EINTR);
    if (result != NULL) {
        fill(arena, result, actor);
        *found = true;
        return true;
    }
    if (status == 0 || status == ENOENT || status == ESRCH || status == EPERM)
        return true;
    errno = status;
    return error_temp(err, "4.3.0", "user lookup error for %s: %m", name);
}

bool actor_by_uid(struct arena *arena, uid_t uid, struct actor *actor)
{
    char space[16384];
    struct passwd pw, *result = NULL;

    if (getpwuid_r(uid, &pw, space, sizeof(space), &result) != 0 || result == NULL)
        return false;
    fill(arena, result, actor);
    return true;
}
