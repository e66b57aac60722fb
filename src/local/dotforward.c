// dotforward: ~/.forward and the other files of forward_path.
#include "local/job.h"
#include "mail/privilege.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORWARD_MAX (1024u * 1024)

enum found { FOUND_NONE, FOUND_FILE, FOUND_TROUBLE };

// Anyone who can write to the file can read the user's mail and run commands as the user.
static bool is_trustworthy(const char *path, const struct stat *st,
                           const struct actor *user)
{
    if (!S_ISREG(st->st_mode))
        log_warn("file %s is not a regular file", path);
    else if (st->st_uid != 0 && st->st_uid != user->uid)
        log_warn("file %s has bad owner uid %ld", path, (long)st->st_uid);
    else if (st->st_mode & S_IWOTH)
        log_warn("file %s is world writable", path);
    else
        return true;
    return false;
}

// The descriptor is checked, not the name: nobody can swap the file between check and use.
static enum found read_file(const struct task *t, const char *path, struct str *text)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    enum found found = FOUND_NONE;
    struct stat st;

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP)
            return FOUND_NONE;
        log_warn("cannot open %s: %m", path);
        return FOUND_TROUBLE;
    }
    if (fstat(fd, &st) < 0) {
        found = FOUND_TROUBLE;
    } else if (is_trustworthy(path, &st, &t->actor)) {
        char *data = arena_alloc(t->job->arena, FORWARD_MAX + 1);
        ssize_t len = fd_read_full(fd, data, FORWARD_MAX + 1);

        if (len > (ssize_t)FORWARD_MAX)
            log_warn("file %s is too big", path);
        found = len < 0 || len > (ssize_t)FORWARD_MAX ? FOUND_TROUBLE : FOUND_FILE;
        *text = str_n(data, len < 0 ? 0 : (size_t)len);
    }
    close(fd);
    return found;
}

static enum found find_file(const struct task *t, const char **path, struct str *text,
                            struct error *err)
{
    const struct local_config *cfg = t->job->local->cfg;
    struct str rest = str_c(cfg->forward_path);
    struct str item;

    while (str_take(&rest, ", \t\r\n", &item)) {
        if (!task_expand(t, arena_text(t->job->arena, item), cfg->forward_expansion_filter,
                         path, err)) {
            log_warn("forward_path: %s", err->text);
            return FOUND_TROUBLE;
        }
        enum found found = read_file(t, *path, text);
        if (found != FOUND_NONE)
            return found;
    }
    return FOUND_NONE;
}

bool deliver_dotforward(const struct task *t)
{
    struct task next = *t;
    struct alias_targets targets = {0};
    struct privilege saved;
    struct error err = {0};
    struct str text = {"", 0};
    const char *path = "";

    if (t->job->local->cfg->forward_path[0] == '\0' ||
        (!privilege_is_available() && t->actor.uid != geteuid()))
        return false; // never run another user's commands as ourselves
    if (!privilege_become(&saved, t->actor.uid, t->actor.gid, &err)) {
        task_report_error(t, &err, "");
        return true;
    }
    enum found found = find_file(t, &path, &text, &err);
    privilege_return(&saved);
    if (found == FOUND_NONE)
        return false;
    if (found == FOUND_TROUBLE) {
        task_report(t, "4.3.0", "cannot read the forward file of user %s", t->user);
        return true;
    }
    if (!alias_file_parse(t->job->arena, text, TARGETS_MAX, &targets, &err))
        log_warn("%s: %s", path, err.text); // what could be read is still used
    if (targets.len == 0)
        return false;
    if (task_is_probe(t)) {
        task_report(t, "2.0.0", "delivers via forward file: %s", path);
        return true;
    }
    next.origin = ORIGIN_FORWARD;
    next.source = t->user;
    next.is_indirect = true;
    next.unmatched = (t->job->local->propagate & ORIGIN_FORWARD) ? t->extension : "";
    deliver_targets(&next, &targets);
    return true;
}
