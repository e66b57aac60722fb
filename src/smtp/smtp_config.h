// smtp_config: parameters of smtp(8) and lmtp(8): one struct, filled from smtp_* or from
// lmtp_*.
#pragma once
#include "config/param.h"

// A field without a prefix of its own stands for smtp_NAME and lmtp_NAME.
struct smtp_config {
    // Where to.
    const char *tcp_port, *known_tcp_ports, *host_lookup, *dns_support_level;
    const char *dns_resolver_options, *address_preference, *fallback_relay,
        *obsolete_fallback;
    const char *bind_address, *bind_address6, *best_mx_transport;
    bool randomize_addresses, balance_inet_protocols, defer_if_no_mx_address_found;
    bool bind_address_enforce, ignore_mx_lookup_error;
    long mx_address_limit, mx_session_limit;

    // The dialogue.
    const char *helo_name; // smtp_helo_name, lmtp_lhlo_name
    const char *discard_ehlo_keywords, *discard_ehlo_keyword_address_maps;
    const char *pix_workarounds, *pix_workaround_maps, *reply_filter,
        *address_verify_target;
    struct duration pix_workaround_delay_time, pix_workaround_threshold_time;
    bool always_send_ehlo, never_send_ehlo; // SMTP only
    bool skip_5xx_greeting, skip_quit_response, quote_rfc821_envelope;
    bool send_xforward_command, send_dummy_mail_auth, assume_final;

    // Time limits of its stages.
    struct duration connect_timeout, helo_timeout, xforward_timeout, mail_timeout,
        rcpt_timeout;
    struct duration data_init_timeout, data_xfer_timeout, data_done_timeout, rset_timeout;
    struct duration quit_timeout;
    const char *obsolete_per_record_deadline;
    bool per_request_deadline;

    // The content.
    const char *generic_maps, *header_checks, *mime_header_checks, *nested_header_checks;
    const char *body_checks;
    long line_length_limit, mime_nesting_limit, mime_boundary_length_limit;
    bool disable_mime_output_conversion;

    const char *error_notice_recipient;

    // Read by the agents' loop.
    const char *delivery_status_filter;

    // Sessions kept for the next request.
    const char *connection_cache_destinations;
    struct duration connection_cache_time_limit, connection_reuse_time_limit;
    bool connection_cache_on_demand;
    long connection_reuse_count_limit;

    // What is asked for here must hold even while TLS and SASL are not there: mail waits.
    const char *tls_security_level, *tls_policy_maps, *tls_per_site;
    bool tls_wrappermode, use_tls, enforce_tls, sasl_auth_enable;
};

extern const struct param smtp_params[], lmtp_params[];
