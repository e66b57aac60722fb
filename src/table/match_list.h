// match_list: lists such as mydestination and mynetworks: patterns, !patterns, /files,
// tables.
#pragma once
#include "table/table.h"

struct match_list;

enum match_kind {
    MATCH_STRING,   // exact, case-insensitive
    MATCH_DOMAIN,   // domain, and parent domains by `parents` rule
    MATCH_HOSTNAME, // like MATCH_DOMAIN, for a host name
    MATCH_ADDRESS,  // IP address against networks: 1.2.3.0/24, [2001:db8::]/32
    MATCH_NAMADR,   // host name and address (debug_peer_list and friends)
    MATCH_USER,     // login names, "static:anyone"
};

// `parents`: a domain also matches its subdomains (else only ".domain" does). `title` is
// the parameter name. A bad element (network, unreadable file) is no failure here: a
// look-up that gets as far as to it fails and logs why, as in Postfix. NULL: unbalanced
// braces, table type.
struct match_list *match_list_open(const char *title, const char *text,
                                   enum match_kind kind, bool parents, struct error *err);
void match_list_close(struct match_list *list);
bool match_list_is_empty(const struct match_list *list);

enum match_result { MATCH_YES, MATCH_NO, MATCH_FAILED };
// `name`: the string, domain or host name; `address`: printable IP address or NULL.
enum match_result match_list_find(struct match_list *list, const char *name,
                                  const char *address, struct error *err);

// Whether a look-up may block on more than a local file.
bool match_list_may_wait(const struct match_list *list);

// Whether parameter `name` stands in parent_domain_matches_subdomains.
bool match_parents(const char *parent_domain_matches_subdomains, const char *name);
