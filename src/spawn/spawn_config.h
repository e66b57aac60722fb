// spawn_config: the parameters of spawn(8).
#pragma once
#include "config/param.h"

struct spawn_config {
    struct duration command_time_limit; // and SERVICE_time_limit
};

extern const struct param spawn_params[];
