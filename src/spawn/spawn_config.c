// spawn_config: the parameters of spawn(8).
#include "spawn/spawn_config.h"

const struct param spawn_params[] = {
    PARAM_DURATION(struct spawn_config, command_time_limit, "1000s", 's', 1),
    PARAM_END,
};
