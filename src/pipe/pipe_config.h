// pipe_config: the parameters of pipe(8).
#pragma once
#include "config/param.h"

struct pipe_config {
    struct duration command_time_limit; // and SERVICE_time_limit
    const char *pipe_delivery_status_filter;
};

extern const struct param pipe_params[];
