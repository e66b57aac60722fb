// flush_config: the parameters of flush.
#pragma once
#include "config/param.h"

struct flush_config {
    struct duration fast_flush_refresh_time, fast_flush_purge_time;
};
extern const struct param flush_params[];
