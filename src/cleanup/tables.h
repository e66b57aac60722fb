// tables: what cleanup(8) looks things up in, opened once for the process from main.cf
// texts.
#pragma once
#include "cleanup/cleanup_config.h"
#include "config/config.h"
#include "mail/resolve.h"
#include "table/maps.h"
#include "table/match_list.h"

enum address_class {
    CLASS_ENVELOPE_SENDER = 1 << 0,
    CLASS_ENVELOPE_RCPT = 1 << 1,
    CLASS_HEADER_SENDER = 1 << 2,
    CLASS_HEADER_RCPT = 1 << 3,
};

// Bytes as a set, from text with C escapes.
struct byte_set {
    bool has[256];
    bool any;
};

struct cleanup_tables {
    struct maps *canonical, *sender_canonical, *rcpt_canonical, *virtual_alias;
    struct maps *sender_bcc, *rcpt_bcc;
    struct maps *header_checks, *mime_checks, *nested_checks, *body_checks;
    unsigned canonical_classes, sender_canonical_classes, rcpt_canonical_classes;
    unsigned masquerade_classes; // enum address_class
    bool propagate_canonical, propagate_virtual;
    struct match_list *mydestination, *masquerade_exceptions;
    struct text_list masquerade_domains, drop_headers;
    struct byte_set reject_bytes, strip_bytes;
    struct rewriter *rewriter;
    const struct mail_config *mail;
    const struct cleanup_config *cfg;
    struct arena *arena;
};

// Lives until the process ends. NULL with the reason (a bad value, an unknown table type).
struct cleanup_tables *cleanup_tables_open(struct config *config,
                                           const struct cleanup_config *cfg,
                                           struct error *err);

// "envelope_sender, header_sender" -> enum address_class.
bool address_classes_parse(const char *name, const char *text, unsigned *classes,
                           struct error *err);
bool byte_set_parse(const char *name, const char *text, struct byte_set *set,
                    struct error *err);
// For maps_find_address: a domain that this system is final destination for.
bool cleanup_is_local_domain(struct str domain, void *tables);
