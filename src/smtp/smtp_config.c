// smtp_config: parameters of smtp(8) and lmtp(8): one struct, filled from smtp_* or from
// lmtp_*.
#include "smtp/smtp_config.h"

#define S struct smtp_config
#define TEXT(P, field, def) PARAM_TEXT_AS(S, field, P #field, def)
#define BOOL(P, field, def) PARAM_BOOL_AS(S, field, P #field, def)
#define INT(P, field, def, lo) PARAM_INT_AS(S, field, P #field, def, lo, 0)
#define TIME(P, field, def, lo) PARAM_DURATION_AS(S, field, P #field, def, 's', lo, 0)
#define UNBUILT(P, name, def) PARAM_UNBUILT(P name, def)

// What both have, with the same default. `P` is the prefix of the names.
#define COMMON_ROWS(P)                                                                     \
    TEXT(P, host_lookup, "dns"), TEXT(P, dns_support_level, ""),                           \
        TEXT(P, dns_resolver_options, ""), TEXT(P, address_preference, "any"),             \
        TEXT(P, bind_address, ""), TEXT(P, bind_address6, ""),                             \
        BOOL(P, bind_address_enforce, "no"), BOOL(P, randomize_addresses, "yes"),          \
        BOOL(P, balance_inet_protocols, "yes"),                                            \
        BOOL(P, defer_if_no_mx_address_found, "no"), INT(P, mx_address_limit, "5", 0),     \
        INT(P, mx_session_limit, "2", 0),                                                  \
        TEXT(P, pix_workarounds, "disable_esmtp,delay_dotcrlf"),                           \
        TEXT(P, pix_workaround_maps, ""), TIME(P, pix_workaround_delay_time, "10s", 1),    \
        TIME(P, pix_workaround_threshold_time, "500s", 0), TEXT(P, reply_filter, ""),      \
        TEXT(P, address_verify_target, "rcpt"), BOOL(P, skip_5xx_greeting, "yes"),         \
        BOOL(P, quote_rfc821_envelope, "yes"), BOOL(P, send_xforward_command, "no"),       \
        BOOL(P, send_dummy_mail_auth, "no"), TIME(P, xforward_timeout, "300s", 1),         \
        TIME(P, mail_timeout, "300s", 1), TIME(P, rcpt_timeout, "300s", 1),                \
        TIME(P, data_init_timeout, "120s", 1), TIME(P, data_xfer_timeout, "180s", 1),      \
        TIME(P, data_done_timeout, "600s", 1), TIME(P, rset_timeout, "20s", 1),            \
        TIME(P, quit_timeout, "300s", 1),                                                  \
        PARAM_TEXT_AS(S, obsolete_per_record_deadline, P "per_record_deadline", ""),       \
        BOOL(P, per_request_deadline,                                                      \
             "${" P "per_record_deadline?{$" P "per_record_deadline}:{no}}"),              \
        TEXT(P, generic_maps, ""), TEXT(P, header_checks, ""),                             \
        TEXT(P, mime_header_checks, ""), TEXT(P, nested_header_checks, ""),                \
        TEXT(P, body_checks, ""), INT(P, line_length_limit, "998", 0),                     \
        TEXT(P, connection_cache_destinations, ""),                                        \
        BOOL(P, connection_cache_on_demand, "yes"),                                        \
        TIME(P, connection_cache_time_limit, "2s", 1),                                     \
        TIME(P, connection_reuse_time_limit, "300s", 1),                                   \
        INT(P, connection_reuse_count_limit, "0", 0), TEXT(P, tls_policy_maps, ""),        \
        TEXT(P, tls_per_site, ""), BOOL(P, tls_wrappermode, "no"), BOOL(P, use_tls, "no"), \
        BOOL(P, enforce_tls, "no"), BOOL(P, sasl_auth_enable, "no"),                       \
        TEXT(P, delivery_status_filter, "$default_delivery_status_filter")

// What the programs use without a prefix.
#define SHARED_ROWS                                                                        \
    PARAM_TEXT(S, known_tcp_ports,                                                         \
               "lmtp=24, smtp=25, smtps=submissions=465, submission=587"),                 \
        PARAM_TEXT(S, best_mx_transport, ""), PARAM_BOOL(S, ignore_mx_lookup_error, "no"), \
        PARAM_TEXT(S, error_notice_recipient, "postmaster"),                               \
        PARAM_INT(S, mime_nesting_limit, "100", 1, 0),                                     \
        PARAM_INT(S, mime_boundary_length_limit, "2048", 1, 0),                            \
        PARAM_BOOL(S, disable_mime_output_conversion, "no"),                               \
        PARAM_UNBUILT("allow_srv_lookup_fallback", "no"),                                  \
        PARAM_UNBUILT("ignore_srv_lookup_error", "no"),                                    \
        PARAM_UNBUILT("use_srv_lookup", ""),                                               \
        PARAM_UNBUILT("connection_cache_protocol_timeout", "5s"),                          \
        PARAM_UNBUILT("connection_cache_service_name", "scache"),                          \
        PARAM_UNBUILT("cyrus_sasl_config_path", ""),                                       \
        PARAM_UNBUILT("tlsproxy_service_name", "tlsproxy")

// TLS, SASL and what else is still to come.
#define UNBUILT_ROWS(P)                                                                    \
    UNBUILT(P, "cname_overrides_servername", "no"),                                        \
                                                                                           \
        UNBUILT(P, "min_data_rate", "500"), UNBUILT(P, "tls_note_starttls_offer", "no"),   \
        UNBUILT(P, "dns_reply_filter", ""), UNBUILT(P, "log_tls_feature_status", "yes"),   \
        UNBUILT(P, "sasl_auth_cache_name", ""), UNBUILT(P, "sasl_auth_cache_time", "90d"), \
        UNBUILT(P, "sasl_auth_soft_bounce", "yes"),                                        \
        UNBUILT(P, "sasl_mechanism_filter", ""), UNBUILT(P, "sasl_password_maps", ""),     \
        UNBUILT(P, "sasl_password_result_delimiter", ":"), UNBUILT(P, "sasl_path", ""),    \
        UNBUILT(P, "sasl_security_options", "noplaintext, noanonymous"),                   \
        UNBUILT(P, "sasl_tls_security_options", "$" P "sasl_security_options"),            \
        UNBUILT(P, "sasl_tls_verified_security_options",                                   \
                "$" P "sasl_tls_security_options"),                                        \
        UNBUILT(P, "sasl_type", "cyrus"),                                                  \
        UNBUILT(P, "sender_dependent_authentication", "no"),                               \
        UNBUILT(P, "starttls_timeout", "300s"), UNBUILT(P, "tls_CAfile", ""),              \
        UNBUILT(P, "tls_CApath", ""), UNBUILT(P, "tls_block_early_mail_reply", "no"),      \
        UNBUILT(P, "tls_cert_file", ""), UNBUILT(P, "tls_chain_files", ""),                \
        UNBUILT(P, "tls_ciphers", "medium"), UNBUILT(P, "tls_connection_reuse", "no"),     \
        UNBUILT(P, "tls_dcert_file", ""),                                                  \
        UNBUILT(P, "tls_dkey_file", "$" P "tls_dcert_file"),                               \
        UNBUILT(P, "tls_eccert_file", ""),                                                 \
        UNBUILT(P, "tls_eckey_file", "$" P "tls_eccert_file"),                             \
        UNBUILT(P, "tls_enable_rpk", "no"), UNBUILT(P, "tls_enforce_peername", "yes"),     \
        UNBUILT(P, "tls_enforce_sts_mx_patterns", "yes"),                                  \
        UNBUILT(P, "tls_exclude_ciphers", ""),                                             \
        UNBUILT(P, "tls_fingerprint_cert_match", ""),                                      \
        UNBUILT(P, "tls_fingerprint_digest",                                               \
                "${{$compatibility_level} <level {3.6} ? {md5} : {sha256}}"),              \
        UNBUILT(P, "tls_force_insecure_host_tlsa_lookup", "no"),                           \
        UNBUILT(P, "tls_key_file", "$" P "tls_cert_file"),                                 \
        UNBUILT(P, "tls_loglevel", "0"), UNBUILT(P, "tls_loglevel_maps", ""),              \
        UNBUILT(P, "tls_mandatory_ciphers", "medium"),                                     \
        UNBUILT(P, "tls_mandatory_exclude_ciphers", ""),                                   \
        UNBUILT(P, "tls_mandatory_protocols", ">=TLSv1"),                                  \
        UNBUILT(P, "tls_protocols", ">=TLSv1"), UNBUILT(P, "tls_scert_verifydepth", "9"),  \
        UNBUILT(P, "tls_servername", ""), UNBUILT(P, "tls_session_cache_database", ""),    \
        UNBUILT(P, "tls_session_cache_timeout", "3600s"),                                  \
        UNBUILT(P, "tls_trace_size_limit", "102400"),                                      \
        UNBUILT(P, "tls_trust_anchor_file", ""),                                           \
        UNBUILT(P, "tls_verify_cert_match", "hostname"),                                   \
        UNBUILT(P, "tlsrpt_enable", "no"),                                                 \
        UNBUILT(P, "tlsrpt_skip_reused_handshakes", "no"),                                 \
        UNBUILT(P, "tlsrpt_socket_name", "")

const struct param smtp_params[] = {
    COMMON_ROWS("smtp_"),
    SHARED_ROWS,
    UNBUILT_ROWS("smtp_"),
    TEXT("smtp_", tcp_port, "smtp"),
    TEXT("smtp_", fallback_relay, "$fallback_relay"),
    PARAM_TEXT_AS(S, obsolete_fallback, "fallback_relay", ""),
    TEXT("smtp_", helo_name, "$myhostname"),
    TIME("smtp_", helo_timeout, "300s", 1),
    TIME("smtp_", connect_timeout, "30s", 0),
    TEXT("smtp_", discard_ehlo_keywords, ""),
    TEXT("smtp_", discard_ehlo_keyword_address_maps, ""),
    BOOL("smtp_", always_send_ehlo, "yes"),
    BOOL("smtp_", never_send_ehlo, "no"),
    BOOL("smtp_", skip_quit_response, "yes"),
    TEXT("smtp_", tls_security_level,
         "${{$compatibility_level} <level {3.11} ? {} : {may}}"),
    UNBUILT("smtp_", "tls_secure_cert_match", "nexthop, dot-nexthop"),
    UNBUILT("smtp_", "tls_dane_insecure_mx_policy", "dane"),
    UNBUILT("smtp_", "requiretls_policy",
            "inline:{{${domain_to_ascii{$mydomain}}=opportunistic}, "
            "{.${domain_to_ascii{$mydomain}}=opportunistic}, {localhost=opportunistic}}, "
            "cidr:{{0.0.0.0/0 opportunistic}, {::/0 opportunistic}}, enforce"),
    PARAM_END,
};

const struct param lmtp_params[] = {
    COMMON_ROWS("lmtp_"),
    SHARED_ROWS,
    UNBUILT_ROWS("lmtp_"),
    TEXT("lmtp_", tcp_port, "24"),
    TEXT("lmtp_", fallback_relay, ""),
    PARAM_TEXT_AS(S, helo_name, "lmtp_lhlo_name", "$myhostname"),
    PARAM_DURATION_AS(S, helo_timeout, "lmtp_lhlo_timeout", "300s", 's', 1, 0),
    TIME("lmtp_", connect_timeout, "0s", 0),
    PARAM_TEXT_AS(S, discard_ehlo_keywords, "lmtp_discard_lhlo_keywords", ""),
    PARAM_TEXT_AS(S, discard_ehlo_keyword_address_maps,
                  "lmtp_discard_lhlo_keyword_address_maps", ""),
    BOOL("lmtp_", skip_quit_response, "no"),
    BOOL("lmtp_", assume_final, "no"),
    TEXT("lmtp_", tls_security_level, ""),
    UNBUILT("lmtp_", "tls_secure_cert_match", "nexthop"),
    UNBUILT("lmtp_", "requiretls_policy", "opportunistic"),
    PARAM_END,
};
