// master_cf: the entries of master.cf, as the master starts them and postconf edits them.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/text.h"

enum master_type {
    MASTER_INET,
    MASTER_UNIX,
    MASTER_UNIX_DGRAM,
    MASTER_FIFO,
    MASTER_PASS,
};

struct master_entry {
    const char *name; // as written: "smtp", "127.0.0.1:10025", "cleanup"
    enum master_type type;
    const char *type_name; // "inet", "unix", ...
    bool is_private, is_unprivileged, is_chrooted;
    long wakeup;         // seconds, 0: none
    bool wakeup_lazy;    // "60?": only once the service was used
    long process_limit;  // -1: $default_process_limit, 0: none
    const char *command; // program name below daemon_directory
    struct text_list
        args; // after the command, braces kept off, "-o" and "name=value" apart
    const char *fields[8]; // the eight columns as written, "-" included
    int line;              // of master.cf
};

struct master_cf {
    struct master_entry *entries;
    size_t len;
};

// Reads master.cf. Every malformed line is an error that names file and line; a later entry
// with the same name and type replaces the earlier one (with a warning). `chroot_default`
// is what "-" means in the chroot column (true below compatibility_level 1).
MUST_CHECK bool master_cf_read(struct arena *arena, const char *path, bool chroot_default,
                               struct master_cf *cf, struct error *err);
MUST_CHECK bool master_cf_parse(struct arena *arena, const char *origin, struct str text,
                                bool chroot_default, struct master_cf *cf,
                                struct error *err);
// Every entry as it stands, also those that a later one replaces (postconf -M).
MUST_CHECK bool master_cf_read_all(struct arena *arena, const char *path,
                                   struct master_cf *cf, struct error *err);
