// master_pool: the processes of one service that came from one configuration.
#include "master/master_pool.h"
#include "master/master_child.h"
#include "master/master_event.h"
#include "master/master_generation.h"
#include "service/control.h"
#include "util/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS_UNLIMITED = 4096 }; // for services without a process limit

struct pool *pool_new(struct master_service *service, struct generation *gen,
                      const struct master_entry *entry, bool stress, struct error *err)
{
    long limit = generation_limit(gen, entry);
    size_t slots = limit == 0 ? SLOTS_UNLIMITED : (size_t)limit;
    int life[2];
    int board_fd = -1;

    if (slots > BOARD_SLOTS_MAX)
        slots = BOARD_SLOTS_MAX;
    if (pipe2(life, O_CLOEXEC) < 0) {
        error_temp(err, "4.3.0", "pipe: %m");
        return NULL;
    }
    struct board *board = board_new(slots, &board_fd);
    if (board == NULL) {
        error_temp(err, "4.3.0", "scoreboard: %m");
        close(life[0]);
        close(life[1]);
        return NULL;
    }
    struct pool *pool = mem_alloc(sizeof(*pool));
    *pool = (struct pool){.service = service,
                          .gen = generation_hold(gen),
                          .entry = entry,
                          .stress = stress,
                          .life_read = life[0],
                          .life_write = life[1],
                          .board_fd = board_fd,
                          .board = board,
                          .slots = mem_alloc(slots * sizeof(*pool->slots)),
                          .asked = mem_alloc(slots * sizeof(*pool->asked))};
    return pool;
}

void pool_drain(struct pool *pool)
{
    atomic_store(&pool->board->draining, 1);
    pool->wants_worker = false;
    if (pool->life_write >= 0)
        close(pool->life_write);
    pool->life_write = -1;
}

void pool_free(struct pool *pool)
{
    ensure(pool->live == 0);
    pool_drain(pool);
    close(pool->life_read);
    close(pool->board_fd);
    board_free(pool->board);
    free(pool->slots);
    free(pool->asked);
    generation_release(pool->gen);
    free(pool);
}

bool pool_start_template(struct pool *pool, struct error *err)
{
    int control_fd;

    if (pool->template != NULL)
        return true;
    pid_t pid = child_exec(pool, &control_fd, err);
    if (pid < 0)
        return false;
    pool->template = event_add_child(pool, pid, CHILD_TEMPLATE, control_fd);
    return true;
}

static size_t find_free_slot(const struct pool *pool)
{
    for (size_t i = 0; i < pool->board->slots_len; i++)
        if (pool->slots[i] == NULL && !pool->asked[i])
            return i;
    return SIZE_MAX;
}

// A template that serves by itself turns into the worker; the next one is loaded on demand.
static void become_worker(struct pool *pool, size_t slot)
{
    pool->template->role = CHILD_WORKER;
    pool->template->slot = slot;
    pool->slots[slot] = pool->template;
    pool->template = NULL;
}

bool pool_ask_worker(struct pool *pool, struct error *err)
{
    if (!pool_start_template(pool, err))
        return false;
    if (!pool->template->is_ready) {
        pool->wants_worker = true;
        return true;
    }
    pool->wants_worker = false;
    size_t slot = find_free_slot(pool);
    if (slot == SIZE_MAX)
        return error_temp(err, "4.3.0", "no free place on the scoreboard");
    struct control_msg msg = {.op =
                                  pool->flags & CONTROL_SELF ? CONTROL_SERVE : CONTROL_FORK,
                              .slot = (uint32_t)slot};
    atomic_store(&pool->board->slots[slot].served, 0);
    board_set(pool->board, slot, BOARD_STARTING);
    if (!control_send(pool->template->control_fd, &msg))
        return error_temp(err, "4.3.0", "write to process %ld: %m",
                          (long)pool->template->pid);
    pool->workers++;
    if (msg.op == CONTROL_SERVE)
        become_worker(pool, slot);
    else
        pool->asked[slot] = true;
    return true;
}

size_t pool_count_idle(const struct pool *pool)
{
    size_t idle = pool->wants_worker ? 1 : 0;
    size_t seen = 0;

    for (size_t i = 0; i < pool->board->slots_len && seen < pool->workers; i++) {
        if (pool->slots[i] == NULL && !pool->asked[i])
            continue;
        seen++;
        enum board_state state = board_get(pool->board, i);
        if (state == BOARD_IDLE || state == BOARD_STARTING)
            idle++;
    }
    return idle;
}
