// unbuilt_config: parameters of Postfix whose program or feature does not exist yet.
#pragma once
#include "config/param.h"

extern const struct param unbuilt_params[];
