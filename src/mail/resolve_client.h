// resolve_client: asking trivial-rewrite(8), a batch a frame, with answers kept for a
// while.
#pragma once
#include "config/mail_config.h"
#include "ipc/message.h"
#include "mail/resolve.h"

struct resolve_client;

struct resolve_client *resolve_client_new(const struct mail_config *cfg);
void resolve_client_free(struct resolve_client *c);  // NULL is fine
void resolve_client_flush(struct resolve_client *c); // NULL is fine
MUST_CHECK bool resolve_client_ask(struct resolve_client *c, struct arena *arena,
                                   const char *sender, const char *const *addresses,
                                   size_t len, struct resolved *results, struct error *err);

// The frames.
struct resolve_text {
    const char *text;
};
struct resolve_request {
    const char *sender;
    const struct resolve_text *addresses;
    size_t addresses_len;
};
struct resolve_answer {
    const char *transport, *nexthop, *recipient;
    int64_t flags;
};
struct resolve_reply {
    const struct resolve_answer *answers; // in the order of the addresses
    size_t answers_len;
};
extern const struct message_kind resolve_request_kind, resolve_reply_kind;
