// resolve_engine: rewriting and resolving one address with the tables at hand.
#pragma once
#include "mail/own_addr.h"
#include "mail/resolve.h"
#include "table/maps.h"
#include "table/match_list.h"

// "transport:nexthop", either may be "".
struct route {
    const char *transport, *nexthop;
};

struct engine {
    struct arena *arena; // what lives as long as the engine
    struct config *cfg;
    const struct mail_config *mail;
    struct own_addr *own;
    struct match_list *mydestination, *alias_domains, *mailbox_domains, *relay_domains;
    struct maps *transports, *relocated, *sender_relayhosts, *sender_transports;
    bool transport_parents;
    struct route local, virtual, relay, other;
};

struct engine *engine_open(struct config *cfg, struct error *err);
void engine_free(struct engine *e); // NULL is fine
// Some table may block on more than a local file.
bool engine_may_wait(const struct engine *e);

const char *engine_rewrite(const struct engine *e, struct arena *arena,
                           enum rewrite_context context, const char *address);
void engine_resolve(const struct engine *e, struct arena *arena, const char *sender,
                    const char *address, struct resolved *result);
