// table_command: what postmap(1) and postalias(1) have in common: options, queries,
// updates.
#pragma once
#include "config/config.h"
#include "table/source_line.h"
#include "table/table.h"

struct table_options {
    const char *config_dir, *query, *delete_key;
    unsigned flags;                               // enum table_flags
    bool body, header, mime, force_utf8, no_utf8; // -b -h -m -U -u
    bool files;                                   // -F: values are base64 of files
    bool incremental, list, json, keep_root, default_mode, no_fold;
};

struct table_command {
    const char *name;    // "postmap"
    const char *letters; // for getopt
    const char *usage;
    const char *key_separator; // behind the key in listings: "" or ":"
    // Copies a source's entries into the table. False with the reason.
    bool (*fill)(struct source *src, struct table *t, const struct table_options *opt,
                 struct error *err);
    // Adds what the program itself has to say, after the entries of a new table. May be
    // NULL.
    bool (*finish)(struct table *t, const struct mail_config *mail, struct error *err);
    // Reads the message on standard input and calls ask() for each key (-b, -h). May be
    // NULL.
    void (*each_key)(const struct table_options *opt,
                     void (*ask)(void *ctx, const char *key), void *ctx);
};

int table_command_main(int argc, char **argv, const struct table_command *cmd);

// Base64 of the files (commas, white space) that `value` names, a newline between them.
bool table_command_read_files(struct arena *arena, struct str value, struct str *encoded,
                              struct error *err);
