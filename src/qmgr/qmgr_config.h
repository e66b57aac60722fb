// qmgr_config: the queue manager's parameters.
#pragma once
#include "config/config.h"
#include "qmgr/sched.h"

struct qmgr_config {
    long qmgr_message_active_limit, qmgr_message_recipient_limit;
    long qmgr_message_recipient_minimum;
    struct duration qmgr_clog_warn_time, qmgr_daemon_timeout, qmgr_ipc_timeout;
    struct duration queue_run_delay, minimal_backoff_time, maximal_backoff_time;
    struct duration maximal_queue_lifetime, bounce_queue_lifetime;
    struct duration transport_retry_time;
    bool confirm_delay_cleared, helpful_warnings;
    const char *defer_transports, *default_filter_nexthop;
    const char *address_verify_pending_request_limit;

    // Defaults for NAME_suffix.
    long default_destination_concurrency_limit, default_destination_recipient_limit;
    long default_destination_concurrency_failed_cohort_limit,
        initial_destination_concurrency;
    const char *default_destination_concurrency_negative_feedback;
    const char *default_destination_concurrency_positive_feedback;
    struct duration default_destination_rate_delay, default_transport_rate_delay;
    long default_delivery_slot_cost, default_delivery_slot_loan;
    long default_delivery_slot_discount, default_minimum_delivery_slots;
    long default_recipient_limit, default_extra_recipient_limit;
    long default_recipient_refill_limit;
    struct duration default_recipient_refill_delay;
    long local_destination_concurrency_limit, local_destination_recipient_limit;
};

extern const struct param qmgr_params[];

// The rules for the transport `name`: NAME_suffix where main.cf has it, else the defaults.
struct transport_rules
qmgr_transport_rules(struct config *cf, const struct qmgr_config *cfg, const char *name);

// The suffixes, each with the parameter that gives its default, for those who list them;
// ends with a NULL suffix.
struct qmgr_suffix {
    const char *suffix, *inherits;
};
extern const struct qmgr_suffix qmgr_suffixes[];
