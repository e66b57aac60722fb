// submit_config: the main.cf parameters of submit(8).
#pragma once
#include "config/param.h"

struct submit_config {
    const char *receive_override_options;
};

extern const struct param submit_params[];
