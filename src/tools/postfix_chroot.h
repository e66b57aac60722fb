// postfix_chroot: what services that run chrooted need below queue_directory/etc.
#pragma once
#include "config/mail_config.h"
#include "config/master_cf.h"

// When a service of `services` is chrooted and we are root: copies the system's resolver
// and name files to queue_directory/etc where they differ, as Debian does at each start.
// Files that the system lacks are left alone; what cannot be copied is warned about.
void chroot_refresh(const struct mail_config *mail, const struct master_cf *services);
