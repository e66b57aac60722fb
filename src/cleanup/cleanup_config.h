// cleanup_config: the main.cf parameters of cleanup(8).
#pragma once
#include "config/param.h"

struct cleanup_config {
    bool always_add_missing_headers, cleanup_replace_stray_cr_lf;
    bool detect_8bit_encoding_header;
    bool strict_7bit_headers, strict_8bitmime, strict_8bitmime_body;
    bool strict_mime_encoding_domain;
    const char *always_bcc, *sender_bcc_maps, *recipient_bcc_maps;
    const char *header_checks, *mime_header_checks, *nested_header_checks, *body_checks;
    const char *canonical_classes, *sender_canonical_classes, *recipient_canonical_classes;
    const char *sender_canonical_maps, *recipient_canonical_maps;
    const char *masquerade_domains, *masquerade_classes, *masquerade_exceptions;
    const char *message_drop_headers, *message_reject_characters, *message_strip_characters;
    const char *undisclosed_recipients_header, *header_from_format;
    const char *full_name_encoding_charset, *non_empty_end_of_header_action;
    const char *virtual_maps, *non_smtpd_milters;
    long body_checks_size_limit, duplicate_filter_limit;
    long mime_boundary_length_limit, mime_nesting_limit;
    long virtual_alias_address_length_limit, virtual_alias_expansion_limit;
    long virtual_alias_recursion_limit;
    struct duration in_flow_delay;
};

extern const struct param cleanup_params[];
