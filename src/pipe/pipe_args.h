// pipe_args: what master.cf says behind "pipe": flags=, user=, argv= and the rest.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/text.h"

enum pipe_flags {               // one letter each in flags=
    PIPE_BLANK_END = 1 << 0,    // B
    PIPE_DELIVERED_TO = 1 << 1, // D
    PIPE_FROM_LINE = 1 << 2,    // F
    PIPE_ORIGINAL_TO = 1 << 3,  // O
    PIPE_RETURN_PATH = 1 << 4,  // R
    PIPE_FINAL = 1 << 5,        // X
    PIPE_FOLD_DOMAIN = 1 << 6,  // h
    PIPE_QUOTE_LOCAL = 1 << 7,  // q
    PIPE_FOLD_USER = 1 << 8,    // u
    PIPE_STUFF_DOTS = 1 << 9,   // .
    PIPE_QUOTE_FROM = 1 << 10,  // >
};

struct pipe_args {
    unsigned flags;
    struct text_list argv;    // macros not expanded
    const char *user, *group; // group NULL: the user's own
    const char *chroot_dir, *directory;
    const char *null_sender;
    struct str eol;
    long size_limit; // 0: none
};

MUST_CHECK bool pipe_args_parse(struct arena *arena, const struct text_list *words,
                                struct pipe_args *args, struct error *err);

// C escapes of eol=: \a \b \f \n \r \t \v \\ and up to three octal digits.
struct str pipe_unescape(struct arena *arena, const char *text);
