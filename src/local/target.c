// target: one destination of an alias, a .forward or an :include: file.
#include "local/job.h"
#include "mail/address.h"
#include "mail/privilege.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Bytes of an :include: file that are read.
#define INCLUDE_MAX (16u * 1024 * 1024)

static void configuration_error(const struct task *t)
{
    task_report(t, "5.3.5", "mail system configuration error");
}

// "user@dom" with the extension that the alias key had not.
static const char *add_extension(const struct task *t, const char *address)
{
    struct str local, domain;

    address_split(str_c(address), &local, &domain);
    if (t->unmatched == NULL || t->unmatched[0] == '\0')
        return address;
    return arena_printf(t->job->arena, "%.*s%s%s%s%.*s", STR_FMT(local), t->delimiter,
                        t->unmatched, domain.len > 0 ? "@" : "", STR_FMT(domain));
}

// True for the user whose own .forward file names him or her.
static bool is_own_mailbox(const struct task *t, const struct task *next)
{
    return t->origin != ORIGIN_ALIAS && t->origin != ORIGIN_NONE && t->actor.home != NULL &&
           t->source != NULL && strcasecmp(next->user, t->source) == 0;
}

static void deliver_ours(const struct task *t, const char *address, bool is_mailbox)
{
    struct task next = *t;

    next.level = t->level + 1;
    next.is_mailbox = is_mailbox;
    task_set_address(&next, address);
    if (is_own_mailbox(t, &next)) {
        next = *t;
        next.is_mailbox = true;
        deliver_recipient(next);
    } else if (t->is_indirect) {
        forward_add(t, address);
    } else {
        deliver_recipient(next);
    }
}

static void deliver_name(const struct task *t, const char *name, bool is_mailbox)
{
    struct job *job = t->job;
    struct error err = {0};
    struct resolved route;
    const char *address;

    if (!rewrite_addresses(job->local->rewriter, job->arena, REWRITE_LOCAL, &name, 1,
                           &address, &err) ||
        !resolve_addresses(job->local->rewriter, job->arena, t->sender, &address, 1, &route,
                           &err) ||
        (route.flags & RESOLVE_FAILED)) {
        task_report(t, "4.3.0", "address resolver failure");
        return;
    }
    address = add_extension(t, route.recipient);
    if (route.flags & RESOLVE_ERROR) {
        struct task next = *t;
        bool has_dsn = strlen(route.nexthop) > 5 &&
                       strchr("245", route.nexthop[0]) != NULL && route.nexthop[1] == '.';
        const char *text = has_dsn ? strchr(route.nexthop, ' ') : NULL;

        next.address = address;
        if (text == NULL)
            task_report(&next, "5.4.0", "%s", route.nexthop);
        else
            task_report(&next,
                        arena_text(job->arena,
                                   str_n(route.nexthop, (size_t)(text - route.nexthop))),
                        "%s", text + 1);
    } else if (strcmp(route.transport, job->local->service) == 0) {
        deliver_ours(t, address, is_mailbox);
    } else {
        forward_add(t, address);
    }
}

void deliver_address(const struct task *t, const char *address)
{
    deliver_name(t, address, false);
}

static const char *path_of(const struct task *t, const char *text)
{
    return text[0] == '~' ? arena_printf(t->job->arena, "%s%s", t->actor.home, text + 1)
                          : text;
}

static void deliver_target(const struct task *t, const struct alias_target *target)
{
    const struct local *local = t->job->local;

    switch (target->kind) {
    case ALIAS_ADDRESS:
        deliver_name(t, target->text, false);
        return;
    case ALIAS_MAILBOX:
        deliver_name(t, target->text, true);
        return;
    case ALIAS_INCLUDE:
        deliver_include(t, target->text);
        return;
    case ALIAS_COMMAND:
        if (t->origin & ~local->commands_allowed)
            task_report(t, "5.7.1", "mail to command is restricted");
        else
            deliver_command(t, target->text);
        return;
    case ALIAS_FILE:
        if (target->text[0] == '~' && t->actor.home == NULL)
            deliver_name(t, target->text, false);
        else if (t->origin & ~local->files_allowed)
            task_report(t, "5.7.1", "mail to file is restricted");
        else
            deliver_file(t, path_of(t, target->text));
        return;
    }
}

void deliver_targets(const struct task *t, const struct alias_targets *targets)
{
    for (size_t i = 0; i < targets->len; i++) {
        if (++t->job->targets > TARGETS_MAX) {
            if (!seen_before(t->job, 'T', ""))
                task_report(t, "5.4.6", "too many destinations");
            return;
        }
        deliver_target(t, &targets->items[i]);
    }
}

// Its owner answers for commands and files in it; root's list runs with the rights we had.
static void take_owner_rights(struct task *next, const struct stat *st)
{
    struct actor owner;

    if (next->actor.home != NULL || st->st_uid == 0 || !privilege_is_available())
        return;
    if (actor_by_uid(next->job->arena, st->st_uid, &owner)) {
        next->actor = owner;
        next->actor.home = next->actor.shell = NULL;
    }
}

static int open_as(const struct actor *actor, const char *path, bool follow_links)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_NO_SYMLINKS};
    struct privilege saved;
    struct error err = {0};

    if (!privilege_become(&saved, actor->uid, actor->gid, &err)) {
        errno = EACCES;
        return -1;
    }
    int fd = follow_links ? open(path, flags)
                          : (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
    int why = errno;
    privilege_return(&saved);
    errno = why;
    return fd;
}

// A list is read with the rights that its commands would have. One that only its owner may
// read is read as the owner, when the administrator's aliases name it and no link leads
// elsewhere: what is wrong in a list shows up in bounces, so nobody may get other files
// read.
static int open_include(const struct task *t, const char *path)
{
    struct stat st;
    int fd = open_as(&t->actor, path, true);

    if (fd >= 0 || errno != EACCES || t->origin != ORIGIN_ALIAS ||
        !privilege_is_available() || t->actor.uid != t->job->local->default_actor.uid)
        return fd;
    if (lstat(path, &st) < 0)
        return -1;
    struct actor owner = {.uid = st.st_uid, .gid = st.st_gid};
    return open_as(&owner, path, false);
}

static bool read_include(const struct task *t, const char *path, struct stat *st,
                         struct str *text)
{
    int fd = open_include(t, path);
    bool good = false;

    if (fd < 0 || fstat(fd, st) < 0) {
        log_warn("unable to lookup :include: file %s: %m", path);
    } else if (!S_ISREG(st->st_mode)) {
        log_warn(":include: file %s is not a regular file", path);
    } else if (st->st_mode & S_IWOTH) {
        log_warn(":include: file %s is world writable", path);
    } else if (st->st_size > (off_t)INCLUDE_MAX) {
        log_warn(":include: file %s is too big", path);
    } else {
        char *data = arena_alloc(t->job->arena, (size_t)st->st_size + 1);
        ssize_t len = fd_read_full(fd, data, (size_t)st->st_size);

        good = len >= 0;
        *text = str_n(data, good ? (size_t)len : 0);
        if (!good)
            log_warn(":include: file %s: %m", path);
    }
    if (fd >= 0)
        close(fd);
    return good;
}

void deliver_include(const struct task *t, const char *path)
{
    struct task next = *t;
    struct alias_targets targets = {0};
    struct error err = {0};
    struct stat st;
    struct str text;

    if (path[0] != '/') {
        log_warn(":include:%s uses a relative path", path);
        configuration_error(t);
        return;
    }
    if (t->level >= LEVEL_MAX || seen_before(t->job, 'I', path))
        return; // it is on its way, or was
    if (!read_include(t, path, &st, &text)) {
        configuration_error(t);
        return;
    }
    next.level++;
    next.origin = ORIGIN_INCLUDE;
    next.is_indirect = true;
    next.unmatched = (t->job->local->propagate & ORIGIN_INCLUDE) ? t->unmatched : "";
    take_owner_rights(&next, &st);
    if (!alias_file_parse(t->job->arena, text, TARGETS_MAX, &targets, &err)) {
        log_warn(":include: file %s: %s", path, err.text);
        configuration_error(t);
        return;
    }
    deliver_targets(&next, &targets);
}
