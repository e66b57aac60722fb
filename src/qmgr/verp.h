// verp: envelope senders that carry the recipient (variable envelope return paths).
#pragma once
#include "util/arena.h"

// owner@origin and user@domain with delimiters "+=" give owner+user=domain@origin.
const char *verp_sender(struct arena *arena, const char *delimiters, const char *sender,
                        const char *rcpt);
