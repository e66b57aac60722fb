// trivial-rewrite_config: what only this program reads.
#pragma once
#include "config/param.h"

struct trivial_rewrite_config {
    char none; // all it needs is shared
};
extern const struct param trivial_rewrite_params[];
