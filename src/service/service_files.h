// service_files: the places that a daemon without root may write to.
#pragma once
#include "util/base.h"

// Takes away, for this process and all that it forks, writing outside of the current folder
// (the queue) and `data_dir`, and running any program. Files that are open already are not
// concerned. False with errno where the kernel has no Landlock.
MUST_CHECK bool files_restrict(const char *data_dir);
// Whether the kernel can do that; errno says why not.
MUST_CHECK bool files_can_restrict(void);
