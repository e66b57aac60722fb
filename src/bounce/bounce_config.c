// bounce_config: the parameters of bounce(8).
#include "bounce/bounce_config.h"

#define S struct bounce_config

const struct param bounce_params[] = {
    PARAM_TEXT_AS(S, notice_2bounce_recipient, "2bounce_notice_recipient", "postmaster"),
    PARAM_TEXT(S, bounce_notice_recipient, "postmaster"),
    PARAM_INT(S, bounce_size_limit, "50000", 1, 0),
    PARAM_TEXT(S, bounce_template_file, ""),
    PARAM_TEXT(S, delay_notice_recipient, "postmaster"),
    PARAM_TEXT(S, header_from_format, "standard"),
    PARAM_DURATION_AS(S, maximal_queue_lifetime, "maximal_queue_lifetime", "5d", 'd', 0,
                      8640000),
    PARAM_UNBUILT("enable_threaded_bounces", "no"),
    PARAM_UNBUILT("requiretls_redact_dsn", "yes"),
    PARAM_END,
};
