// master_listen: the sockets of master.cf services, opened once and handed to every worker.
#include "master/master_listen.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BIND_ATTEMPTS = 50, // of 100 ms: workers of a master that was killed are letting go
    BIND_WAIT_MS = 100,
};

void listen_path(const struct master_entry *entry, char path[128])
{
    // submit(8) serves users who may not enter public/ (2710): it has a folder of its own.
    const char *folder = entry->is_private                       ? "private"
                         : strcmp(entry->command, "submit") == 0 ? "submit"
                                                                 : "public";

    snprintf(path, 128, "%s/%s", folder, entry->name);
}

static bool bind_inet(int fd, const struct inet_addr *addr, bool patient)
{
    for (int i = 0; i < (patient ? BIND_ATTEMPTS : 1); i++) {
        if (i > 0)
            poll(NULL, 0, BIND_WAIT_MS);
        if (bind(fd, (const struct sockaddr *)&addr->addr, addr->len) == 0)
            return listen(fd, SOMAXCONN) == 0;
        if (errno != EADDRINUSE)
            return false;
    }
    return false;
}

// -1 with errno.
static int open_inet(const struct inet_addr *addr, bool patient)
{
    int on = 1;
    int fd = socket(addr->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (addr->addr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind_inet(fd, addr, patient))
        return fd;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

static bool open_inet_set(const struct master_entry *entry, const struct mail_config *mail,
                          const struct master_config *cfg, struct listen_owner owner,
                          const struct listen_set *old, struct listen_set *set,
                          struct error *err)
{
    struct arena *arena = arena_new();
    struct inet_addrs addrs;
    bool ok = inet_addrs_find(arena, mail, cfg, entry->name, &addrs, err);

    if (ok)
        set->is_public = inet_addrs_are_public(&addrs);
    for (size_t i = 0; ok && i < addrs.len && set->len < LISTEN_MAX; i++) {
        int fd = -1;

        for (size_t k = 0; old != NULL && k < old->len; k++)
            if (inet_addr_equal(&old->addrs[k], &addrs.items[i]))
                fd = old->fds[k];
        if (fd < 0)
            fd = open_inet(&addrs.items[i], owner.patient);
        if (fd < 0 && errno == EAFNOSUPPORT && addrs.len > 1)
            continue; // a kernel without IPv6, and inet_protocols = all
        if (fd < 0) {
            ok = error_config(err, "bind %s: %m", entry->name);
            break;
        }
        set->addrs[set->len] = addrs.items[i];
        set->fds[set->len++] = fd;
    }
    arena_free(arena);
    return ok;
}

static int open_fifo(const char *path)
{
    if (mkfifo(path, 0622) < 0)
        return -1;
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int open_unix(const char *path, int type)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
        (type == SOCK_DGRAM || listen(fd, SOMAXCONN) == 0))
        return fd;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return -1;
}

// Sub-folders in a service name ("private/a/b") are the administrator's business.
static bool open_path(const struct master_entry *entry, struct listen_owner owner,
                      struct listen_set *set, struct error *err)
{
    const char *path = set->path;

    if (unlink(path) < 0 && errno != ENOENT)
        return error_config(err, "remove %s: %m", path);
    int fd = entry->type == MASTER_FIFO         ? open_fifo(path)
             : entry->type == MASTER_UNIX_DGRAM ? open_unix(path, SOCK_DGRAM)
                                                : open_unix(path, SOCK_STREAM);
    if (fd < 0)
        return error_config(err, "bind %s: %m", path);
    set->fds[set->len++] = fd;
    // The folder says who may come near; the socket itself is open to all, as Postfix's.
    if (chmod(path, 0666) < 0 || (owner.change && chown(path, owner.uid, owner.gid) < 0))
        return error_config(err, "owner and mode of %s: %m", path);
    return true;
}

bool listen_open(const struct master_entry *entry, const struct mail_config *mail,
                 const struct master_config *cfg, struct listen_owner owner,
                 const struct listen_set *old, struct listen_set *set, struct error *err)
{
    *set = (struct listen_set){.len = 0};
    if (entry->type == MASTER_INET)
        return open_inet_set(entry, mail, cfg, owner, old, set, err);
    listen_path(entry, set->path);
    if (old != NULL && old->len == 1 && strcmp(old->path, set->path) == 0) {
        set->fds[set->len++] = old->fds[0];
        return true;
    }
    return open_path(entry, owner, set, err);
}

size_t listen_count_waiting(const struct listen_set *set)
{
    size_t waiting = 0;

    for (size_t i = 0; i < set->len && set->path[0] == '\0'; i++) {
        struct tcp_info info = {0};
        socklen_t len = sizeof(info);
        // Of a listening socket this is the length of its queue.
        if (getsockopt(set->fds[i], IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
            waiting += info.tcpi_unacked;
    }
    return waiting;
}

static bool is_kept(int fd, const struct listen_set *kept)
{
    for (size_t i = 0; kept != NULL && i < kept->len; i++)
        if (kept->fds[i] == fd)
            return true;
    return false;
}

void listen_release(struct listen_set *set, const struct listen_set *kept)
{
    bool path_kept = kept != NULL && strcmp(kept->path, set->path) == 0;

    for (size_t i = 0; i < set->len; i++)
        if (!is_kept(set->fds[i], kept))
            close(set->fds[i]);
    if (set->path[0] != '\0' && !path_kept)
        unlink(set->path);
    set->len = 0;
}
