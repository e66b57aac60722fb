// pipe_macros: ${recipient} and the like in pipe(8)'s argument vector.
#pragma once
#include "mail/delivery.h"
#include "pipe/pipe_args.h"

// A NULL-terminated argument vector. A word that has a macro of a single recipient becomes
// as many words as there are recipients. An unknown macro is a configuration error.
MUST_CHECK bool pipe_argv_expand(struct arena *arena, const struct pipe_args *args,
                                 const struct delivery_request *req,
                                 const char *recipient_delimiter, const char *const **argv,
                                 struct error *err);
