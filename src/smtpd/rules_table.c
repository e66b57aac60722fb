// rules_table: every restriction that main.cf or access(5) may name.
#include "smtpd/rules_judges.h"
#include "util/text.h"

// clang-format off
// One row a line, as it is read; the formatter would break the long ones.
static const struct restriction restrictions[] = {
    {"permit", ARG_NONE, judge_permit, 0, 0},
    {"reject", ARG_NONE, judge_reject, 0, 0},
    {"defer", ARG_NONE, judge_defer, 0, 0},
    {"defer_if_permit", ARG_NONE, judge_defer_if_permit, 0, 0},
    {"defer_if_reject", ARG_NONE, judge_defer_if_reject, 0, 0},
    {"reject_unauth_pipelining", ARG_NONE, judge_unauth_pipelining, 0, 0},
    {"reject_plaintext_session", ARG_NONE, judge_plaintext_session, 0, 0},
    {"reject_multi_recipient_bounce", ARG_NONE, judge_multi_recipient_bounce, 0, 0},
    {"sleep", ARG_SECONDS, judge_sleep, 0, 0},
    {"check_policy_service", ARG_POLICY, judge_policy, 0, 0},
    {"permit_mynetworks", ARG_NONE, judge_permit_mynetworks, 0, 0},
    {"permit_inet_interfaces", ARG_NONE, judge_permit_inet_interfaces, 0, 0},
    // Without SASL and TLS nobody has logged in or shown a certificate.
    {"permit_sasl_authenticated", ARG_NONE, judge_nothing, 0, 0},
    {"permit_tls_clientcerts", ARG_NONE, judge_nothing, 0, 0},
    {"permit_tls_all_clientcerts", ARG_NONE, judge_nothing, 0, 0},
    {"check_ccert_access", ARG_TABLE, judge_nothing, SUBJECT_CCERT, 0},
    {"check_sasl_access", ARG_TABLE, judge_nothing, SUBJECT_SASL, 0},
    {"reject_unknown_client_hostname", ARG_NONE, judge_unknown_client, 0, 0},
    {"reject_unknown_client", ARG_NONE, judge_unknown_client, 0, 0},
    {"reject_unknown_reverse_client_hostname", ARG_NONE, judge_unknown_reverse_client, 0, 0},
    {"check_client_access", ARG_TABLE, judge_access, SUBJECT_CLIENT, 0},
    {"check_reverse_client_hostname_access", ARG_TABLE, judge_access, SUBJECT_REVERSE_CLIENT, 0},
    {"check_client_ns_access", ARG_TABLE, judge_mx_access, SUBJECT_CLIENT, HOW_NS},
    {"check_client_mx_access", ARG_TABLE, judge_mx_access, SUBJECT_CLIENT, HOW_MX},
    {"check_client_a_access", ARG_TABLE, judge_mx_access, SUBJECT_CLIENT, HOW_A},
    {"check_reverse_client_hostname_ns_access", ARG_TABLE, judge_mx_access, SUBJECT_REVERSE_CLIENT, HOW_NS},
    {"check_reverse_client_hostname_mx_access", ARG_TABLE, judge_mx_access, SUBJECT_REVERSE_CLIENT, HOW_MX},
    {"check_reverse_client_hostname_a_access", ARG_TABLE, judge_mx_access, SUBJECT_REVERSE_CLIENT, HOW_A},
    {"reject_rbl_client", ARG_DOMAIN, judge_rbl, SUBJECT_CLIENT, HOW_RBL_ADDRESS},
    {"reject_rbl", ARG_DOMAIN, judge_rbl, SUBJECT_CLIENT, HOW_RBL_ADDRESS},
    {"reject_rhsbl_client", ARG_DOMAIN, judge_rbl, SUBJECT_CLIENT, HOW_RBL_DOMAIN},
    {"reject_rhsbl_reverse_client", ARG_DOMAIN, judge_rbl, SUBJECT_REVERSE_CLIENT, HOW_RBL_DOMAIN},
    {"reject_rhsbl_helo", ARG_DOMAIN, judge_rbl, SUBJECT_HELO, HOW_RBL_DOMAIN},
    {"reject_rhsbl_sender", ARG_DOMAIN, judge_rbl, SUBJECT_SENDER, HOW_RBL_DOMAIN},
    {"reject_rhsbl_recipient", ARG_DOMAIN, judge_rbl, SUBJECT_RECIPIENT, HOW_RBL_DOMAIN},
    {"permit_dnswl_client", ARG_DOMAIN, judge_dnswl, SUBJECT_CLIENT, HOW_RBL_ADDRESS},
    {"permit_rhswl_client", ARG_DOMAIN, judge_dnswl, SUBJECT_CLIENT, HOW_RBL_DOMAIN},
    {"reject_invalid_helo_hostname", ARG_NONE, judge_invalid_helo, SUBJECT_HELO, 0},
    {"reject_invalid_hostname", ARG_NONE, judge_invalid_helo, SUBJECT_HELO, 0},
    {"reject_non_fqdn_helo_hostname", ARG_NONE, judge_non_fqdn_helo, SUBJECT_HELO, 0},
    {"reject_non_fqdn_hostname", ARG_NONE, judge_non_fqdn_helo, SUBJECT_HELO, 0},
    {"reject_unknown_helo_hostname", ARG_NONE, judge_unknown_helo, SUBJECT_HELO, 0},
    {"reject_unknown_hostname", ARG_NONE, judge_unknown_helo, SUBJECT_HELO, 0},
    {"check_helo_access", ARG_TABLE, judge_access, SUBJECT_HELO, 0},
    {"check_helo_ns_access", ARG_TABLE, judge_mx_access, SUBJECT_HELO, HOW_NS},
    {"check_helo_mx_access", ARG_TABLE, judge_mx_access, SUBJECT_HELO, HOW_MX},
    {"check_helo_a_access", ARG_TABLE, judge_mx_access, SUBJECT_HELO, HOW_A},
    {"reject_non_fqdn_sender", ARG_NONE, judge_non_fqdn_address, SUBJECT_SENDER, 0},
    {"reject_unknown_sender_domain", ARG_NONE, judge_unknown_domain, SUBJECT_SENDER, 0},
    {"reject_unknown_address", ARG_NONE, judge_unknown_domain, SUBJECT_SENDER, 0},
    {"reject_unlisted_sender", ARG_NONE, judge_unlisted, SUBJECT_SENDER, 0},
    {"reject_unverified_sender", ARG_NONE, judge_unverified, SUBJECT_SENDER, 0},
    {"reject_unverified_address", ARG_NONE, judge_unverified, SUBJECT_SENDER, 0},
    {"reject_sender_login_mismatch", ARG_NONE, judge_login_mismatch, SUBJECT_SENDER, HOW_LOGIN_AUTH | HOW_LOGIN_UNAUTH},
    {"reject_authenticated_sender_login_mismatch", ARG_NONE, judge_login_mismatch, SUBJECT_SENDER, HOW_LOGIN_AUTH},
    {"reject_unauthenticated_sender_login_mismatch", ARG_NONE, judge_login_mismatch, SUBJECT_SENDER, HOW_LOGIN_UNAUTH},
    {"reject_known_sender_login_mismatch", ARG_NONE, judge_login_mismatch, SUBJECT_SENDER, HOW_LOGIN_AUTH | HOW_LOGIN_UNAUTH | HOW_LOGIN_KNOWN},
    {"check_sender_access", ARG_TABLE, judge_access, SUBJECT_SENDER, 0},
    {"check_sender_ns_access", ARG_TABLE, judge_mx_access, SUBJECT_SENDER, HOW_NS},
    {"check_sender_mx_access", ARG_TABLE, judge_mx_access, SUBJECT_SENDER, HOW_MX},
    {"check_sender_a_access", ARG_TABLE, judge_mx_access, SUBJECT_SENDER, HOW_A},
    {"permit_auth_destination", ARG_NONE, judge_permit_auth_destination, SUBJECT_RECIPIENT, 0},
    {"reject_unauth_destination", ARG_NONE, judge_unauth_destination, SUBJECT_RECIPIENT, HOW_REJECT},
    {"defer_unauth_destination", ARG_NONE, judge_unauth_destination, SUBJECT_RECIPIENT, HOW_DEFER},
    {"permit_mx_backup", ARG_NONE, judge_permit_mx_backup, SUBJECT_RECIPIENT, 0},
    {"reject_non_fqdn_recipient", ARG_NONE, judge_non_fqdn_address, SUBJECT_RECIPIENT, 0},
    {"reject_unknown_recipient_domain", ARG_NONE, judge_unknown_domain, SUBJECT_RECIPIENT, 0},
    {"reject_unlisted_recipient", ARG_NONE, judge_unlisted, SUBJECT_RECIPIENT, 0},
    {"check_recipient_maps", ARG_NONE, judge_unlisted, SUBJECT_RECIPIENT, 0},
    {"reject_unverified_recipient", ARG_NONE, judge_unverified, SUBJECT_RECIPIENT, 0},
    {"check_recipient_access", ARG_TABLE, judge_access, SUBJECT_RECIPIENT, 0},
    {"check_recipient_ns_access", ARG_TABLE, judge_mx_access, SUBJECT_RECIPIENT, HOW_NS},
    {"check_recipient_mx_access", ARG_TABLE, judge_mx_access, SUBJECT_RECIPIENT, HOW_MX},
    {"check_recipient_a_access", ARG_TABLE, judge_mx_access, SUBJECT_RECIPIENT, HOW_A},
    // Of local_header_rewrite_clients only.
    {"check_address_map", ARG_TABLE, judge_address_map, SUBJECT_CLIENT, 0},
    {"check_etrn_access", ARG_TABLE, judge_access, SUBJECT_ETRN, 0},
    // Gone since 3.9; rules_parse names the replacement.
    {"check_relay_domains", ARG_NONE, judge_removed, 0, 0},
    {"reject_maps_rbl", ARG_NONE, judge_removed, 0, 0},
    {"permit_naked_ip_address", ARG_NONE, judge_removed, 0, 0},
};
// clang-format on

const struct restriction *restriction_find(struct str name)
{
    for (size_t i = 0; i < COUNT(restrictions); i++)
        if (str_is_nocase(name, restrictions[i].name))
            return &restrictions[i];
    return NULL;
}
