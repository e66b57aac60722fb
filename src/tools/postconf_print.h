// postconf_print: the listings of main.cf and master.cf.
#pragma once
#include "tools/postconf_known.h"
#include "util/buf.h"

enum print_flags {
    PRINT_NO_NAME = 1 << 0,  // -h
    PRINT_NO_VALUE = 1 << 1, // -H
    PRINT_EXPAND = 1 << 2,   // -x
    PRINT_FOLD = 1 << 3,     // -f
    PRINT_DEFAULTS = 1 << 4, // -d
    PRINT_SET_ONLY = 1 << 5, // -n
    PRINT_JSON = 1 << 6,     // -j
};

// Each prints what the names or patterns select (all when there are none).
void print_main(struct postconf *pc, unsigned flags, unsigned classes, char *const *names,
                size_t len);
void print_master(struct postconf *pc, unsigned flags, char *const *patterns, size_t len);
void print_fields(struct postconf *pc, unsigned flags, char *const *patterns, size_t len);
void print_options(struct postconf *pc, unsigned flags, char *const *patterns, size_t len);

// One entry in master.cf's form, with its newline; folded: options on lines of their own.
void print_entry(struct buf *out, const struct master_entry *e, bool folded);
// Where the arguments that are options end: what begins with '-', and the value behind -o.
size_t entry_options_end(const struct master_entry *e);
// Which argument is the "name=value" in force for a name, the last one; SIZE_MAX if none.
size_t entry_option(const struct master_entry *e, struct str wanted);
// One of the names that -F uses.
bool is_entry_field(struct str name);
// The command and its arguments, with braces around those that have blanks.
const char *entry_command(struct arena *arena, const struct master_entry *e);

// "smtp/inet/chroot" against an entry; '*' matches anything, missing parts do as well.
struct entry_pattern {
    struct str service, type, third;
    const char *text;
    bool matched;
};
struct entry_pattern entry_pattern_parse(const char *text);
bool entry_matches(const struct entry_pattern *p, const struct master_entry *e);
// The eight columns' names, as -F uses them.
extern const char *const entry_field_names[8];
