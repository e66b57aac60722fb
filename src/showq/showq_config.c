// showq_config: the parameters of showq.
#include "showq/showq_config.h"

const struct param showq_params[] = {
    PARAM_INT(struct showq_config, duplicate_filter_limit, "1000", 0, 0),
    PARAM_END,
};
