// table_type: what a lookup table type has to provide; used only inside this layer.
#pragma once
#include "table/table.h"
#include <sys/stat.h>

enum table_traits {
    TABLE_IS_PATTERN = 1 << 0,     // asked once with the whole key, which is never folded
    TABLE_FOLDS_KEYS = 1 << 1,     // fixed-string keys: folded with TABLE_FOLD_KEY
    TABLE_FORK_UNSAFE = 1 << 2,    // the handle must be opened anew in a child
    TABLE_REOPENS_ITSELF = 1 << 3, // find() notices changes by itself
    TABLE_MAY_WAIT = 1 << 4,       // look-ups can block (network)
};

struct table {
    const struct table_type *type;
    const char *spec; // "type:name", in `arena`
    const char *name; // behind the colon
    unsigned flags;   // enum table_flags
    unsigned traits;  // the type's; open() may add more (combined types)
    struct arena *arena;
    struct error broken; // kind set: opening failed, and each look-up says so
    void *state;         // of the type
    const char *path;    // file to watch for changes; NULL: none
    struct stat seen;    // of `path` when it was read
    int64_t check_after; // clock_ms of the next stat
};

struct table_type {
    const char *name;
    unsigned traits; // enum table_traits
    // Sets t->state (and t->path for a file that is read into memory). False with the
    // reason.
    bool (*open)(struct table *t, struct error *err);
    void (*close)(struct table *t); // t->state is never NULL
    // `key` is folded already where it has to be. `*value` in `arena`.
    enum table_result (*find)(struct table *t, struct arena *arena, const char *key,
                              const char **value, struct error *err);
    // These may be NULL.
    bool (*has_changed)(struct table *t); // for types without t->path
    bool (*put)(struct table *t, struct str key, struct str value, struct error *err);
    enum table_result (*remove)(struct table *t, struct str key, struct error *err);
    enum table_result (*next)(struct table *t, bool restart, struct arena *arena,
                              struct str *key, struct str *value, struct error *err);
    // Makes what was put visible and durable; closes the state. NULL: nothing to do.
    bool (*commit)(struct table *t, struct error *err);
};

extern const struct table_type table_type_btree, table_type_cidr, table_type_environ,
    table_type_fail, table_type_hash, table_type_inline, table_type_internal,
    table_type_pcre, table_type_pipemap, table_type_proxy, table_type_randmap,
    table_type_regexp, table_type_static, table_type_texthash, table_type_unionmap,
    table_type_unix;

// A key that fixed-string tables compare: lower case (ASCII, or Unicode case folding).
const char *table_fold(struct arena *arena, const char *key);

// The source of a table that is read into memory: the file t->name, watched for changes, or
// for "{{rule}, {rule}}" (unless `files_only`) those rules, a line each.
bool table_read_source(struct table *t, struct arena *arena, bool files_only,
                       struct str *text, struct error *err);

// Refuses results with $1 when the caller may not have them (TABLE_NO_REGSUB).
bool table_refuses_substitution(const struct table *t);
