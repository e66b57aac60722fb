// master_config: the main.cf parameters that only master(8) uses.
#include "master/master_config.h"

const struct param master_params[] = {
    PARAM_DURATION(struct master_config, service_throttle_time, "60s", 's', 1),
    PARAM_TEXT(struct master_config, master_service_disable, ""),
    PARAM_TEXT(struct master_config, known_tcp_ports,
               "lmtp=24, smtp=25, smtps=submissions=465, submission=587"),
    PARAM_END,
};
