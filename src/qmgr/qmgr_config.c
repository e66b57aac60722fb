// qmgr_config: the queue manager's parameters.
#include "qmgr/qmgr_config.h"
#include "util/log.h"
#include <string.h>

typedef struct qmgr_config C;

const struct param qmgr_params[] = {
    PARAM_INT(C, qmgr_message_active_limit, "20000", 1, 0),
    PARAM_INT(C, qmgr_message_recipient_limit, "20000", 1, 0),
    PARAM_INT(C, qmgr_message_recipient_minimum, "10", 1, 0),
    PARAM_DURATION(C, qmgr_clog_warn_time, "300s", 's', 0),
    PARAM_DURATION(C, qmgr_daemon_timeout, "1000s", 's', 1),
    PARAM_DURATION(C, qmgr_ipc_timeout, "60s", 's', 1),
    PARAM_DURATION(C, queue_run_delay, "300s", 's', 1),
    PARAM_DURATION(C, minimal_backoff_time, "300s", 's', 1),
    PARAM_DURATION(C, maximal_backoff_time, "4000s", 's', 1),
    PARAM_DURATION_AS(C, maximal_queue_lifetime, "maximal_queue_lifetime", "5d", 'd', 0,
                      8640000),
    PARAM_DURATION_AS(C, bounce_queue_lifetime, "bounce_queue_lifetime", "5d", 'd', 0,
                      8640000),
    PARAM_DURATION(C, transport_retry_time, "60s", 's', 1),
    PARAM_BOOL(C, confirm_delay_cleared, "no"),
    PARAM_BOOL(C, helpful_warnings, "yes"),
    PARAM_TEXT(C, defer_transports, ""),
    PARAM_TEXT(C, default_filter_nexthop, ""),
    PARAM_TEXT(C, address_verify_pending_request_limit, "5000"),
    PARAM_INT(C, default_destination_concurrency_limit, "20", 0, 0),
    PARAM_INT(C, default_destination_recipient_limit, "50", 0, 0),
    PARAM_INT(C, default_destination_concurrency_failed_cohort_limit, "1", 0, 0),
    PARAM_INT(C, initial_destination_concurrency, "5", 1, 0),
    PARAM_TEXT(C, default_destination_concurrency_negative_feedback, "1"),
    PARAM_TEXT(C, default_destination_concurrency_positive_feedback, "1"),
    PARAM_DURATION(C, default_destination_rate_delay, "0s", 's', 0),
    PARAM_DURATION(C, default_transport_rate_delay, "0s", 's', 0),
    PARAM_INT(C, default_delivery_slot_cost, "5", 0, 0),
    PARAM_INT(C, default_delivery_slot_loan, "3", 0, 0),
    PARAM_INT(C, default_delivery_slot_discount, "50", 0, 100),
    PARAM_INT(C, default_minimum_delivery_slots, "3", 0, 0),
    PARAM_INT(C, default_recipient_limit, "20000", 0, 0),
    PARAM_INT(C, default_extra_recipient_limit, "1000", 0, 0),
    PARAM_INT(C, default_recipient_refill_limit, "100", 1, 0),
    PARAM_DURATION(C, default_recipient_refill_delay, "5s", 's', 1),
    PARAM_INT(C, local_destination_concurrency_limit, "2", 0, 0),
    PARAM_INT(C, local_destination_recipient_limit, "1", 0, 0),
    PARAM_END,
};

#define SUFFIX_CONCURRENCY "_destination_concurrency_limit"
#define SUFFIX_RCPTS "_destination_recipient_limit"
#define SUFFIX_COHORTS "_destination_concurrency_failed_cohort_limit"
#define SUFFIX_INITIAL "_initial_destination_concurrency"
#define SUFFIX_NEGATIVE "_destination_concurrency_negative_feedback"
#define SUFFIX_POSITIVE "_destination_concurrency_positive_feedback"
#define SUFFIX_DEST_DELAY "_destination_rate_delay"
#define SUFFIX_DELAY "_transport_rate_delay"
#define SUFFIX_COST "_delivery_slot_cost"
#define SUFFIX_LOAN "_delivery_slot_loan"
#define SUFFIX_DISCOUNT "_delivery_slot_discount"
#define SUFFIX_MINIMUM "_minimum_delivery_slots"
#define SUFFIX_CORE "_recipient_limit"
#define SUFFIX_EXTRA "_extra_recipient_limit"
#define SUFFIX_REFILL "_recipient_refill_limit"
#define SUFFIX_REFILL_DELAY "_recipient_refill_delay"

const struct qmgr_suffix qmgr_suffixes[] = {
    {SUFFIX_CONCURRENCY,  "default_destination_concurrency_limit"              },
    {SUFFIX_RCPTS,        "default_destination_recipient_limit"                },
    {SUFFIX_COHORTS,      "default_destination_concurrency_failed_cohort_limit"},
    {SUFFIX_INITIAL,      "initial_destination_concurrency"                    },
    {SUFFIX_NEGATIVE,     "default_destination_concurrency_negative_feedback"  },
    {SUFFIX_POSITIVE,     "default_destination_concurrency_positive_feedback"  },
    {SUFFIX_DEST_DELAY,   "default_destination_rate_delay"                     },
    {SUFFIX_DELAY,        "default_transport_rate_delay"                       },
    {SUFFIX_COST,         "default_delivery_slot_cost"                         },
    {SUFFIX_LOAN,         "default_delivery_slot_loan"                         },
    {SUFFIX_DISCOUNT,     "default_delivery_slot_discount"                     },
    {SUFFIX_MINIMUM,      "default_minimum_delivery_slots"                     },
    {SUFFIX_CORE,         "default_recipient_limit"                            },
    {SUFFIX_EXTRA,        "default_extra_recipient_limit"                      },
    {SUFFIX_REFILL,       "default_recipient_refill_limit"                     },
    {SUFFIX_REFILL_DELAY, "default_recipient_refill_delay"                     },
    {NULL,                NULL                                                 },
};

static struct feedback feedback_of(struct config *cf, const char *name, const char *suffix,
                                   const char *inherited)
{
    struct feedback f = {FEEDBACK_CONSTANT, 1};
    struct error err;

    if (!feedback_parse(config_instance_text(cf, name, suffix, inherited), &f, &err))
        log_warn("%s%s: %s", name, suffix, err.text);
    return f;
}

static int64_t delay_ms(struct config *cf, const char *name, const char *suffix,
                        struct duration inherited)
{
    return config_instance_duration(cf, name, suffix, inherited, 's').seconds *
           (int64_t)1000;
}

struct transport_rules qmgr_transport_rules(struct config *cf,
                                            const struct qmgr_config *cfg, const char *name)
{
    bool is_local = strcmp(name, "local") == 0;
    long concurrency = is_local ? cfg->local_destination_concurrency_limit
                                : cfg->default_destination_concurrency_limit;
    long rcpts = is_local ? cfg->local_destination_recipient_limit
                          : cfg->default_destination_recipient_limit;
    struct transport_rules r = {0};

#define INT(suffix, inherited, min, max)                                                   \
    config_instance_int(cf, name, suffix, inherited, min, max)
    r.window.limit = INT(SUFFIX_CONCURRENCY, concurrency, 0, 0);
    r.window.initial = INT(SUFFIX_INITIAL, cfg->initial_destination_concurrency, 1, 0);
    r.window.failed_cohort_limit =
        INT(SUFFIX_COHORTS, cfg->default_destination_concurrency_failed_cohort_limit, 0, 0);
    r.window.negative = feedback_of(cf, name, SUFFIX_NEGATIVE,
                                    cfg->default_destination_concurrency_negative_feedback);
    r.window.positive = feedback_of(cf, name, SUFFIX_POSITIVE,
                                    cfg->default_destination_concurrency_positive_feedback);
    r.rcpt_limit = INT(SUFFIX_RCPTS, rcpts, 0, 0);
    r.slot_cost = INT(SUFFIX_COST, cfg->default_delivery_slot_cost, 0, 0);
    r.slot_loan = INT(SUFFIX_LOAN, cfg->default_delivery_slot_loan, 0, 0);
    r.slot_discount = INT(SUFFIX_DISCOUNT, cfg->default_delivery_slot_discount, 0, 100);
    r.min_slots = INT(SUFFIX_MINIMUM, cfg->default_minimum_delivery_slots, 0, 0);
    r.core_limit = INT(SUFFIX_CORE, cfg->default_recipient_limit, 0, 0);
    r.extra_limit = INT(SUFFIX_EXTRA, cfg->default_extra_recipient_limit, 0, 0);
    r.refill_limit = INT(SUFFIX_REFILL, cfg->default_recipient_refill_limit, 1, 0);
#undef INT
    r.dest_delay_ms =
        delay_ms(cf, name, SUFFIX_DEST_DELAY, cfg->default_destination_rate_delay);
    r.transport_delay_ms =
        delay_ms(cf, name, SUFFIX_DELAY, cfg->default_transport_rate_delay);
    r.refill_delay_ms =
        delay_ms(cf, name, SUFFIX_REFILL_DELAY, cfg->default_recipient_refill_delay);
    return r;
}
