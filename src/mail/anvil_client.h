// anvil_client: asking anvil(8) how busy a client of a service is.
#pragma once
#include "ipc/message.h"

enum anvil_event {
    ANVIL_CONNECT, // answered with connections at the same time, and connections per time
                   // unit
    ANVIL_DISCONNECT,
    ANVIL_MAIL, // the others are answered with the rate alone
    ANVIL_RCPT,
    ANVIL_NEWTLS,
    ANVIL_AUTH,
};

struct anvil_request {
    int64_t event;
    const char *service, *client; // master.cf name, address or network
};
struct anvil_reply {
    int64_t count, rate;
};
extern const struct message_kind anvil_request_kind, anvil_reply_kind;

struct anvil_client;

// Nothing is connected before the first call.
struct anvil_client *anvil_client_new(void);
void anvil_client_free(struct anvil_client *a); // NULL is fine
// Blocking, a few seconds at most. A client that is counted as connected is forgotten by
// anvil(8) when this process ends.
MUST_CHECK bool anvil_tell(struct anvil_client *a, enum anvil_event event,
                           const char *service, const char *client,
                           struct anvil_reply *reply, struct error *err);
