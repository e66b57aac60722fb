// pickup_config: the main.cf parameters of pickup(8).
#pragma once
#include "config/param.h"

struct pickup_config {
    const char *receive_override_options;
};

extern const struct param pickup_params[];
