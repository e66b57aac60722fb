// virtual_config: the parameters of virtual(8).
#pragma once
#include "config/param.h"

struct virtual_config {
    const char *virtual_uid_maps, *virtual_gid_maps, *virtual_mailbox_base;
    const char *virtual_delivery_status_filter;
    long virtual_minimum_uid, virtual_mailbox_limit;
    bool strict_mailbox_ownership;
};

extern const struct param virtual_params[];
