// calls: requests to bounce, defer, trace and flush that do not hold up the loop.
#pragma once
#include "ipc/channel.h"
#include <sys/queue.h>
#include <uthash.h>

// `ok` is false when the service could not be reached, broke off or took too long; then the
// reply is not filled.
typedef void call_done(void *arg, bool ok, const void *reply);

struct call_kind {
    const struct message_kind *request, *reply;
};

struct calls {
    struct loop *loop;
    int timeout_ms, idle_ms;
    struct call_service *services; // hash by path
};

void calls_init(struct calls *calls, struct loop *loop, int timeout_ms, int idle_ms);
void calls_free(struct calls *calls);
// Sends `request` to the socket at `path`; it is encoded now and need not live on.
void call_start(struct calls *calls, const char *path, const struct call_kind *kind,
                const void *request, call_done *done, void *arg);
