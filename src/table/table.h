// table: one lookup table, "type:name", behind one interface for all types.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/str.h"

struct table;

enum table_result { TABLE_FOUND, TABLE_NOT_FOUND, TABLE_FAILED };

enum table_flags {
    TABLE_FOLD_KEY = 1 << 0, // lower-case the key for types whose keys are folded
    TABLE_WRITE = 1 << 1,    // open an existing table for update
    TABLE_CREATE = 1 << 2,   // create or truncate (postmap)
    TABLE_NO_PARTIAL = 1 << 3,
    TABLE_UTF8 = 1 << 4,       // refuse keys that are not valid UTF-8
    TABLE_BULK = 1 << 5,       // no sync per update
    TABLE_DUP_IGNORE = 1 << 6, // on insert of a known key: keep the first, silently
    TABLE_DUP_WARN = 1 << 7,   // ... keep the first, log "duplicate entry"
    TABLE_DUP_REPLACE = 1 << 8,
    TABLE_NO_REGSUB = 1 << 9, // refuse $1 in results (aliases, access from local files)
    TABLE_WITH_NUL = 1 << 10, // force / forbid a trailing NUL (postmap -N, -n)
    TABLE_WITHOUT_NUL = 1 << 11,
};

// Opens "type:name" (a name without type gets `default_type`; NULL: an error). When the
// file is missing or broken the result is still a table, and every look-up fails with the
// reason, as Postfix does (unless TABLE_CREATE/TABLE_WRITE: then NULL and err). An unknown
// type is NULL.
struct table *table_open(const char *spec, const char *default_type, unsigned flags,
                         struct error *err);
void table_close(struct table *t);

// The value, copied into `arena`, NUL-terminated. TABLE_FAILED is temporary, with the
// reason.
enum table_result table_find(struct table *t, struct arena *arena, const char *key,
                             const char **value, struct error *err);

// Why the table could not be opened (each look-up fails with it), or NULL.
const struct error *table_open_error(const struct table *t);

// "type:name" as opened.
const char *table_spec(const struct table *t);
// Full-string tables (regexp, pcre, cidr ...): look up once, no partial keys.
bool table_is_pattern(const struct table *t);
// The handle must not be used in a child after fork(2); service/ reopens it there.
bool table_is_fork_unsafe(const struct table *t);
// Look-ups may block on something that is not a local file.
bool table_may_wait(const struct table *t);
// The file changed since it was opened (stat; at most once a second).
bool table_has_changed(struct table *t);
// Opens the same table anew in place (after fork or change); keeps the old one on failure.
bool table_reopen(struct table *t, struct error *err);

// Cache for hash and btree files that are created, in bytes
// (berkeley_db_create_buffer_size).
void table_set_create_cache(size_t bytes);
// Cache for hash and btree files that are read: as large as the file, at most `bytes`. For
// commands with many keys to ask for; a daemon keeps the small one it has without this.
void table_set_read_cache(size_t bytes);

// Update and listing, for types that can: false with "not supported" otherwise.
MUST_CHECK bool table_put(struct table *t, struct str key, struct str value,
                          struct error *err);
enum table_result table_delete(struct table *t, struct str key, struct error *err);
// Iterates: first with restart true. TABLE_NOT_FOUND at the end.
enum table_result table_next(struct table *t, bool restart, struct arena *arena,
                             struct str *key, struct str *value, struct error *err);

// Ends a table opened for writing: what was put becomes visible and durable. The caller
// still closes the table; without commit a table being created leaves no trace.
MUST_CHECK bool table_commit(struct table *t, struct error *err);

// The form in which fixed-string keys are stored and compared with TABLE_FOLD_KEY.
const char *table_fold_key(struct arena *arena, struct str key);

// Type names that exist in this build, sorted (postconf -m).
const char *const *table_type_names(size_t *len);
