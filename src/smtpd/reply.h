// reply: what a command handler answers; written to the client in one place.
#pragma once
#include "util/base.h"

struct reply {
    const char
        *text;  // "250 2.1.0 Ok"; several lines are separated by '\n', each with its code
    bool close; // hang up after it (421 and 521 always do)
    bool forgiven; // an error that does not count
};

#define REPLY(line) ((struct reply){.text = (line)})
#define REPLY_AND_CLOSE(line) ((struct reply){.text = (line), .close = true})

// 4xx and 5xx count as errors of the client.
static inline bool reply_is_error(struct reply r)
{
    return r.text[0] == '4' || r.text[0] == '5';
}
