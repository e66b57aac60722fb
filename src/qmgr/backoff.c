// backoff: when a deferred message is tried again, and when it is too old.
#include "qmgr/backoff.h"

long backoff_delay(const struct backoff_rules *rules, int64_t arrival, int64_t now)
{
    int64_t age = now - arrival;

    if (age > rules->maximal.seconds)
        age = rules->maximal.seconds;
    return age < rules->minimal.seconds ? rules->minimal.seconds : (long)age;
}

bool backoff_is_expired(const struct backoff_rules *rules, bool from_null, int64_t arrival,
                        int64_t now)
{
    long lifetime = from_null ? rules->bounce_lifetime.seconds : rules->lifetime.seconds;

    return now >= arrival + lifetime;
}

bool backoff_is_due(const struct backoff_rules *rules, int64_t mtime, int64_t now,
                    bool ignore_backoff)
{
    // So far ahead only after the clock was set back: nobody waits for it to come round
    // again.
    return ignore_backoff || mtime <= now || mtime - now > 2 * rules->maximal.seconds;
}
