// postlogd_config: the main.cf parameters that only postlogd(8) uses.
#pragma once
#include "config/param.h"

struct postlogd_config {
    struct duration postlogd_watchdog_timeout;
};

extern const struct param postlogd_params[];
