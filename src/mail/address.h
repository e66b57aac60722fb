// address: mailbox addresses between their external (quoted, RFC 5321) and internal form.
#pragma once
#include "util/arena.h"
#include "util/str.h"

// Internal -> external: quotes the local part where RFC 5321 4.1.2 wants it.
char *address_quote(struct arena *arena, const char *internal);
bool address_needs_quotes(const char *internal);
// External -> internal: takes quotes and backslashes off the local part.
char *address_unquote(struct arena *arena, struct str external);
// Splits an internal address at its last '@'; domain is "" (ptr non-NULL) without one.
void address_split(struct str internal, struct str *local, struct str *domain);

// A Path of MAIL FROM / RCPT TO, RFC 5321 4.1.2: "<...>" (and, unless `strict`, without the
// brackets or with white space). Source routes are taken off (RFC 5321 C). On success
// `*address` is the internal form in `arena`; "" for "<>". `*rest` is what follows.
bool smtp_path_parse(struct arena *arena, struct str text, bool strict,
                     const char **address, struct str *rest);

// Addresses inside a header field value (RFC 5322 3.4: comments, groups, phrases,
// route-addr).
struct header_addr {
    const char *address; // internal form; "" for <>
    size_t start, len;   // of the address text (inside any <>) in the value, for rewriting
};
struct header_addr_list {
    struct header_addr *items;
    size_t len;
};
// Parses leniently; at most `max` addresses (the rest is left alone).
void header_addrs_parse(struct arena *arena, struct str value, size_t max,
                        struct header_addr_list *list);
