// service_files: the places that a daemon without root may write to.
//
// Reading stays as the owners of files say: tables, certificates, name service and plugins
// may be anywhere, and are opened again when they change.
#include "service/service_files.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

// Headers older than the kernel may lack what came later.
#define ACCESS_REFER (1ULL << 13)
#define ACCESS_TRUNCATE (1ULL << 14)
// Before this, a file cannot be moved from one folder to another at all.
#define VERSION_REFER 2
#define VERSION_TRUNCATE 3

#define ACCESS_WRITE                                                                       \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                       \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                        \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | ACCESS_REFER)
#define ACCESS_NEVER                                                                       \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                           \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                        \
     LANDLOCK_ACCESS_FS_MAKE_SYM)

static long landlock_version(void)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (version >= 0 && version < VERSION_REFER) {
        errno = ENOSYS;
        return -1;
    }
    return version;
}

// A place that is not there (in a chroot, say) needs no rule.
static bool allow(int rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access,
                                              .parent_fd = open(path, O_PATH | O_CLOEXEC)};

    if (rule.parent_fd < 0)
        return true;
    bool good =
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    int saved_errno = errno;

    close(rule.parent_fd);
    errno = saved_errno;
    return good;
}

bool files_can_restrict(void)
{
    return landlock_version() > 0;
}

bool files_restrict(const char *data_dir)
{
    long version = landlock_version();

    if (version < 0)
        return false;
    uint64_t truncate = version >= VERSION_TRUNCATE ? ACCESS_TRUNCATE : 0;
    struct landlock_ruleset_attr attr = {.handled_access_fs =
                                             ACCESS_WRITE | ACCESS_NEVER | truncate};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

    if (rules < 0)
        return false;
    bool good = allow(rules, ".", ACCESS_WRITE | truncate) &&
                allow(rules, data_dir, ACCESS_WRITE | truncate) &&
                allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_WRITE_FILE | truncate) &&
                syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    int saved_errno = errno;

    close(rules);
    errno = saved_errno;
    return good;
}
