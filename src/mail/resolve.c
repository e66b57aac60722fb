// resolve: batches of addresses, answered in-process, or by trivial-rewrite(8) where a
// table may block.
#include "mail/resolve.h"
#include "ipc/channel.h"
#include "mail/resolve_client.h"
#include "mail/resolve_engine.h"
#include "util/log.h"
#include <stdlib.h>

struct rewriter {
    struct engine *engine;
    struct resolve_client *client; // NULL: the engine answers
};

struct rewriter *rewriter_open_engine(struct config *cfg, struct error *err)
{
    struct engine *engine = engine_open(cfg, err);
    struct rewriter *rw;

    if (engine == NULL)
        return NULL;
    rw = mem_alloc(sizeof(*rw));
    rw->engine = engine;
    return rw;
}

struct rewriter *rewriter_open(struct config *cfg, struct error *err)
{
    struct rewriter *rw = rewriter_open_engine(cfg, err);

    if (rw != NULL && engine_may_wait(rw->engine))
        rw->client = resolve_client_new(config_mail(cfg));
    return rw;
}

void rewriter_free(struct rewriter *rw)
{
    if (rw == NULL)
        return;
    resolve_client_free(rw->client);
    engine_free(rw->engine);
    free(rw);
}

bool rewrite_addresses(struct rewriter *rw, struct arena *arena,
                       enum rewrite_context context, const char *const *addresses,
                       size_t len, const char **results, struct error *err)
{
    (void)err; // rewriting asks no table
    for (size_t i = 0; i < len; i++)
        results[i] = engine_rewrite(rw->engine, arena, context, addresses[i]);
    return true;
}

bool resolve_addresses(struct rewriter *rw, struct arena *arena, const char *sender,
                       const char *const *addresses, size_t len, struct resolved *results,
                       struct error *err)
{
    if (rw->client != NULL)
        return resolve_client_ask(rw->client, arena, sender, addresses, len, results, err);
    for (size_t i = 0; i < len; i++)
        engine_resolve(rw->engine, arena, sender, addresses[i], &results[i]);
    return true;
}

void rewriter_flush_cache(struct rewriter *rw)
{
    resolve_client_flush(rw->client);
}
