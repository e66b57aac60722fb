// anvil_config: the parameters of anvil(8).
#include "anvil/anvil_config.h"

#define S struct anvil_config

const struct param anvil_params[] = {
    PARAM_DURATION(S, anvil_rate_time_unit, "60s", 's', 1),
    PARAM_DURATION(S, anvil_status_update_time, "600s", 's', 1),
    PARAM_END,
};
