// maps: an ordered list of tables ("hash:/a, pcre:/b"), asked until one has the key; and
// the search orders for addresses.
#pragma once
#include "table/table.h"
#include "util/text.h"

struct maps;

// Opens the tables named in `text` (commas, white space, braces). `title` is the parameter
// name for messages. An empty list is valid and finds nothing. Unknown types: NULL and err.
// Tables with equal spec and flags share one handle in the process.
struct maps *maps_open(const char *title, const char *text, unsigned flags,
                       struct error *err);
void maps_close(struct maps *m); // NULL is fine
bool maps_is_empty(const struct maps *m);
const char *maps_title(const struct maps *m);
size_t maps_len(const struct maps *m);
struct table *maps_table(const struct maps *m, size_t i);

// Whether a look-up may block on more than a local file.
bool maps_may_wait(const struct maps *m);

// First table that has `key`. `flags`: MAPS_*. A failure, and an empty result (which is
// one), is logged here as Postfix words it. `m` may be NULL: nothing is found.
enum maps_flags {
    MAPS_SKIP_PATTERNS = 1 << 0, // do not ask pattern tables (partial keys)
};
enum table_result maps_find(struct maps *m, struct arena *arena, const char *key,
                            unsigned flags, const char **value, struct error *err);

// Address search as virtual(5), canonical(5), relocated(5) and others do:
// user+ext@domain, user@domain, user+ext and user (only when `local_domain` says that the
// domain is ours), @domain. Partial keys are not looked up in pattern tables. `*extension`
// (may be NULL) is set to "+ext" when the match was without it, else to NULL.
struct address_search {
    const char *recipient_delimiter;                       // set of characters
    bool (*is_local_domain)(struct str domain, void *ctx); // NULL: never
    void *ctx;
    unsigned steps; // ADDRESS_*; 0 means all
};
enum address_steps {
    ADDRESS_FULL = 1 << 0,   // user+ext@domain
    ADDRESS_NO_EXT = 1 << 1, // user@domain
    ADDRESS_LOCALPART = 1 << 2,
    ADDRESS_DOMAIN = 1 << 3, // @domain
};
// `address` is in internal (unquoted) form; both the external and the internal form are
// tried.
enum table_result maps_find_address(struct maps *m, struct arena *arena,
                                    const char *address, const struct address_search *how,
                                    const char **value, const char **extension,
                                    struct error *err);

// Where the extension of a local part starts (at the delimiter), or NULL. Never splits
// owner-x, x-request for '-' delimiters, double-bounce, or mailer-daemon-like names.
const char *extension_find(const char *local_part, const char *delimiters);

// After a round of work: reopens what changed on disk. True when anything was reopened.
bool maps_refresh_all(void);
// In a forked child: reopens handles that do not survive fork(2).
void maps_after_fork(void);
