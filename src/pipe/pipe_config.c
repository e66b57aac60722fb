// pipe_config: the parameters of pipe(8).
#include "pipe/pipe_config.h"

#define S struct pipe_config

const struct param pipe_params[] = {
    PARAM_DURATION(S, command_time_limit, "1000s", 's', 1),
    PARAM_TEXT(S, pipe_delivery_status_filter, "$default_delivery_status_filter"),
    PARAM_END,
};
