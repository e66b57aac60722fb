// anvil_config: the parameters of anvil(8).
#pragma once
#include "config/param.h"

struct anvil_config {
    struct duration anvil_rate_time_unit, anvil_status_update_time;
};

extern const struct param anvil_params[];
