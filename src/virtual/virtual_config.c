// virtual_config: the parameters of virtual(8).
#include "virtual/virtual_config.h"

#define S struct virtual_config

const struct param virtual_params[] = {
    PARAM_TEXT(S, virtual_uid_maps, ""),
    PARAM_TEXT(S, virtual_gid_maps, ""),
    PARAM_TEXT(S, virtual_mailbox_base, ""),
    PARAM_TEXT(S, virtual_delivery_status_filter, "$default_delivery_status_filter"),
    PARAM_INT(S, virtual_minimum_uid, "100", 1, 0),
    PARAM_INT(S, virtual_mailbox_limit, "51200000", 0, 0),
    PARAM_BOOL(S, strict_mailbox_ownership, "yes"),
    PARAM_END,
};
