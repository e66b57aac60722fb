// flush_config: the parameters of flush.
#include "flush/flush_config.h"

const struct param flush_params[] = {
    PARAM_DURATION(struct flush_config, fast_flush_refresh_time, "12h", 'h', 1),
    PARAM_DURATION(struct flush_config, fast_flush_purge_time, "7d", 'd', 1),
    PARAM_END,
};
