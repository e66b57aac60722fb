// master_config: the main.cf parameters that only master(8) uses.
#pragma once
#include "config/param.h"

struct master_config {
    struct duration service_throttle_time;
    const char *master_service_disable;
    const char *known_tcp_ports;
};

extern const struct param master_params[];
