// bounce_config: the parameters of bounce(8).
#pragma once
#include "config/param.h"

struct bounce_config {
    const char *notice_2bounce_recipient; // 2bounce_notice_recipient
    const char *bounce_notice_recipient, *delay_notice_recipient;
    const char *bounce_template_file, *header_from_format;
    long bounce_size_limit;
    struct duration maximal_queue_lifetime;
};

extern const struct param bounce_params[];
