// showq_config: the parameters of showq.
#pragma once
#include "config/param.h"

struct showq_config {
    long duplicate_filter_limit;
};
extern const struct param showq_params[];
