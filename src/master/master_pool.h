// master_pool: the processes of one service that came from one configuration.
#pragma once
#include "master/master_state.h"

struct pool *pool_new(struct master_service *service, struct generation *gen,
                      const struct master_entry *entry, bool stress, struct error *err);
// Tells all its processes to end when they are done. The service's lists are the caller's.
void pool_drain(struct pool *pool);
void pool_free(struct pool *pool); // has no children

// Starts the template if there is none.
MUST_CHECK bool pool_start_template(struct pool *pool, struct error *err);
// Asks for one more worker (once the template is ready, if it is not).
MUST_CHECK bool pool_ask_worker(struct pool *pool, struct error *err);
// Workers that wait for a client, or will in a moment.
size_t pool_count_idle(const struct pool *pool);
