// resolve: rewriting addresses to standard form, and finding (transport, next hop,
// recipient) and address class for each: trivial-rewrite's engine, and its clients' view of
// it.
//
// A rewriter works in-process while every table involved is static (hash, texthash, ...);
// where one may block it asks trivial-rewrite(8). All calls take batches and cache answers.
#pragma once
#include "config/config.h"
#include "util/arena.h"
#include "util/error.h"

struct rewriter;

enum rewrite_context { REWRITE_LOCAL, REWRITE_REMOTE };

enum resolve_flags {
    RESOLVE_ROUTED = 1 << 0, // sender-specified routing (user%dom@dom, a!b, @a:b@c)
    RESOLVE_CLASS_LOCAL = 1 << 1,
    RESOLVE_CLASS_VIRTUAL_ALIAS = 1 << 2,
    RESOLVE_CLASS_VIRTUAL_MAILBOX = 1 << 3,
    RESOLVE_CLASS_RELAY = 1 << 4,
    RESOLVE_CLASS_DEFAULT = 1 << 5,
    RESOLVE_ERROR = 1 << 6,      // transport is "error": nexthop is "5.x.y text"
    RESOLVE_FAILED = 1 << 7,     // table trouble: try later
    RESOLVE_BAD_SYNTAX = 1 << 8, // an error because no such address can exist
};
#define RESOLVE_CLASS_MASK                                                                 \
    (RESOLVE_CLASS_LOCAL | RESOLVE_CLASS_VIRTUAL_ALIAS | RESOLVE_CLASS_VIRTUAL_MAILBOX |   \
     RESOLVE_CLASS_RELAY | RESOLVE_CLASS_DEFAULT)

struct resolved {
    const char *transport, *nexthop, *recipient; // recipient in internal form
    unsigned flags;                              // enum resolve_flags
};

struct rewriter *rewriter_open(struct config *cfg, struct error *err);
// The engine without service or cache, for trivial-rewrite itself.
struct rewriter *rewriter_open_engine(struct config *cfg, struct error *err);
void rewriter_free(struct rewriter *rw);

// Address in internal form -> standard form (myorigin, mydomain, bang path, percent hack
// ...). Results live in `arena`. False: temporary trouble.
MUST_CHECK bool rewrite_addresses(struct rewriter *rw, struct arena *arena,
                                  enum rewrite_context context,
                                  const char *const *addresses, size_t len,
                                  const char **results, struct error *err);
// Internal-form, already rewritten recipients -> routes. `sender` selects sender-dependent
// tables ("" for the null sender).
MUST_CHECK bool resolve_addresses(struct rewriter *rw, struct arena *arena,
                                  const char *sender, const char *const *addresses,
                                  size_t len, struct resolved *results, struct error *err);
// After the cached answers may be stale (tables changed).
void rewriter_flush_cache(struct rewriter *rw);
