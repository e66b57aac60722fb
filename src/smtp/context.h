// context: what a process has ready for every request: typed parameters, open tables.
#pragma once
#include "config/config.h"
#include "smtp/smtp_config.h"
#include "table/maps.h"
#include "table/match_list.h"

struct session_pool;
struct own_addr;

enum family_preference { FAMILY_ANY, FAMILY_IPV4, FAMILY_IPV6 };

// What a peer offers (EHLO), and what may be discarded of it.
enum feature {
    FEATURE_ESMTP = 1 << 0,
    FEATURE_PIPELINING = 1 << 1,
    FEATURE_8BITMIME = 1 << 2,
    FEATURE_SIZE = 1 << 3,
    FEATURE_DSN = 1 << 4,
    FEATURE_SMTPUTF8 = 1 << 5,
    FEATURE_STARTTLS = 1 << 6,
    FEATURE_AUTH = 1 << 7,
    FEATURE_XFORWARD_NAME = 1 << 8,
    FEATURE_XFORWARD_ADDR = 1 << 9,
    FEATURE_XFORWARD_PROTO = 1 << 10,
    FEATURE_XFORWARD_HELO = 1 << 11,
    FEATURE_XFORWARD_SOURCE = 1 << 12,
    FEATURE_XFORWARD_PORT = 1 << 13,
    FEATURE_XFORWARD_IDENT = 1 << 14,
    FEATURE_XFORWARD = 127 << 8,
    FEATURE_SILENT = 1 << 15, // "silent-discard": do not log what is discarded
    FEATURE_VRFY = 1 << 16,   // from here on: no business of a client, only discarded
    FEATURE_ETRN = 1 << 17,
    FEATURE_XCLIENT = 1 << 18,
    FEATURE_ENHANCED = 1 << 19,
    FEATURE_CHUNKING = 1 << 20,
    FEATURE_REQUIRETLS = 1 << 21,
};

enum pix_workaround { PIX_DISABLE_ESMTP = 1, PIX_DELAY_DOTCRLF = 2 };

// flags= of master.cf.
enum prepend_flags {
    PREPEND_DELIVERED_TO = 1, // D
    PREPEND_ORIGINAL_TO = 2,  // O
    PREPEND_RETURN_PATH = 4,  // R
    DELIVERY_IS_FINAL = 8,    // X
};

struct smtp_context {
    const struct smtp_config *cfg;
    const struct mail_config *mail;
    bool lmtp;
    unsigned prepend; // enum prepend_flags
    const char *ehlo_verb;

    bool use_ipv4, use_ipv6, lookup_dns, lookup_native, dnssec;
    unsigned dns_flags;
    enum family_preference preference;
    unsigned discard_features, pix;
    bool verify_by_data;
    bool notify_protocol;   // notify_classes has "protocol"
    bool generic_extension; // propagate_unmatched_extensions has "generic"
    bool tls_wanted, tls_required;

    struct maps *ehlo_discard_maps, *pix_maps, *reply_filter, *generic, *tls_policy,
        *tls_per_site;
    struct maps *header_checks, *mime_header_checks, *nested_header_checks, *body_checks;
    struct match_list *cache_destinations;
    struct own_addr *own;
    struct session_pool *pool;
};

// Fills `c` from its parameters (`cfg`, `mail` and `lmtp` are set). Tables are opened here,
// before a chroot. `args` are master.cf's (flags=DORX).
MUST_CHECK bool smtp_context_init(struct smtp_context *c, const struct text_list *args,
                                  struct error *err);

// Features named in a list of EHLO keywords; unknown words only warn (`origin` names them).
unsigned features_parse(const char *origin, const char *text);
unsigned pix_parse(const char *origin, const char *text);
