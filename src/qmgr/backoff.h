// backoff: when a deferred message is tried again, and when it is too old.
#pragma once
#include "util/clock.h"

struct backoff_rules {
    struct duration minimal, maximal;          // between attempts
    struct duration lifetime, bounce_lifetime; // 0: one attempt
};

// Seconds until the next attempt: the message's age, within the bounds.
long backoff_delay(const struct backoff_rules *rules, int64_t arrival, int64_t now);
// `from_null`: a bounce.
bool backoff_is_expired(const struct backoff_rules *rules, bool from_null, int64_t arrival,
                        int64_t now);
// A deferred file's modification time is the time of the next attempt.
bool backoff_is_due(const struct backoff_rules *rules, int64_t mtime, int64_t now,
                    bool ignore_backoff);
