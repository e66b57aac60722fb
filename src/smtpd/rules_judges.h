// rules_judges: one function for each kind of restriction; rules_table.c names them.
#pragma once
#include "smtpd/rules.h"

#define JUDGE(name) struct verdict name(struct check *c, const struct rule *r)
// rules_general.c
JUDGE(judge_permit);
JUDGE(judge_reject);
JUDGE(judge_defer);
JUDGE(judge_defer_if_permit);
JUDGE(judge_defer_if_reject);
JUDGE(judge_sleep);
JUDGE(judge_unauth_pipelining);
JUDGE(judge_plaintext_session);
JUDGE(judge_multi_recipient_bounce);
JUDGE(judge_class);
JUDGE(judge_removed);
JUDGE(judge_broken);
JUDGE(judge_nothing);
// rules_client.c
JUDGE(judge_permit_mynetworks);
JUDGE(judge_permit_inet_interfaces);
JUDGE(judge_unknown_client);
JUDGE(judge_unknown_reverse_client);
// rules_helo.c
JUDGE(judge_invalid_helo);
JUDGE(judge_non_fqdn_helo);
JUDGE(judge_unknown_helo);
// rules_address.c
JUDGE(judge_non_fqdn_address);
JUDGE(judge_unknown_domain);
JUDGE(judge_unlisted);
JUDGE(judge_unverified);
JUDGE(judge_login_mismatch);
// rules_relay.c
JUDGE(judge_permit_auth_destination);
JUDGE(judge_unauth_destination);
JUDGE(judge_permit_mx_backup);
// rules_access.c
JUDGE(judge_access);
JUDGE(judge_address_map);
// rules_mx_access.c
JUDGE(judge_mx_access);
// rules_rbl.c
JUDGE(judge_rbl);
JUDGE(judge_dnswl);
struct rbl *rbl_parse(struct arena *arena, const char *text);
// rules_policy.c
JUDGE(judge_policy);
struct policy *policy_parse(struct arena *arena, const struct smtpd_config *cfg,
                            const char *text, struct error *err);

// Variants in restriction.how.
enum how_reject { HOW_REJECT, HOW_DEFER };
enum how_login { HOW_LOGIN_AUTH = 1, HOW_LOGIN_UNAUTH = 2, HOW_LOGIN_KNOWN = 4 };
enum how_rbl { HOW_RBL_ADDRESS, HOW_RBL_DOMAIN };
enum how_hosts { HOW_NS, HOW_MX, HOW_A };
