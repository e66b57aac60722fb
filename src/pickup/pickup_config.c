// pickup_config: the main.cf parameters of pickup(8): names, defaults, limits.
#include "pickup/pickup_config.h"

const struct param pickup_params[] = {
    PARAM_TEXT(struct pickup_config, receive_override_options, ""),
    PARAM_END,
};
