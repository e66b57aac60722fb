// postfix_chroot: what services that run chrooted need below queue_directory/etc.
#include "tools/postfix_chroot.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIED_MAX = 4 << 20 };

// Read by the C library for host names, services and local time.
static const char *const copied[] = {"host.conf",     "hosts",       "localtime",
                                     "nsswitch.conf", "resolv.conf", "services",
                                     "protocols",     "gai.conf"};

static bool any_chrooted(const struct master_cf *services)
{
    for (size_t i = 0; i < services->len; i++)
        if (services->entries[i].is_chrooted)
            return true;
    return false;
}

static void copy_if_different(struct arena *arena, const char *from, const char *to)
{
    struct str wanted, present;
    struct error err;

    if (access(from, R_OK) < 0)
        return;
    if (!file_read_all(arena, from, COPIED_MAX, &wanted, &err)) {
        log_warn("%s", err.text);
        return;
    }
    if (access(to, F_OK) == 0 && file_read_all(arena, to, COPIED_MAX, &present, &err) &&
        str_equal(wanted, present))
        return;
    if (!file_replace(to, wanted, 0644, &err))
        log_warn("%s", err.text);
}

void chroot_refresh(const struct mail_config *mail, const struct master_cf *services)
{
    if (geteuid() != 0 || !any_chrooted(services))
        return;

    struct arena *arena = arena_new();
    const char *folder = arena_printf(arena, "%s/etc", mail->queue_directory);

    if (mkdir(folder, 0755) < 0 && errno != EEXIST)
        log_warn("mkdir %s: %m", folder);
    for (size_t i = 0; i < COUNT(copied); i++)
        copy_if_different(arena, arena_printf(arena, "/etc/%s", copied[i]),
                          arena_printf(arena, "%s/%s", folder, copied[i]));
    arena_free(arena);
}
