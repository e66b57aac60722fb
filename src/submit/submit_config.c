// submit_config: the main.cf parameters of submit(8): names, defaults, limits.
#include "submit/submit_config.h"

const struct param submit_params[] = {
    PARAM_TEXT(struct submit_config, receive_override_options, ""),
    PARAM_END,
};
