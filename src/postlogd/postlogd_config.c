// postlogd_config: the main.cf parameters that only postlogd(8) uses.
#include "postlogd/postlogd_config.h"

const struct param postlogd_params[] = {
    PARAM_DURATION(struct postlogd_config, postlogd_watchdog_timeout, "10s", 's', 10),
    PARAM_END,
};
