// flow: cleanup(8) slows down when mail comes in faster than qmgr(8) takes it
// (in_flow_delay).
#include "mail/flow.h"
#include "util/arena.h"
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLOW_PATH "private/flow"
// As many messages may come in before the first of them is taken up.
#define FLOW_STOCK 100

struct flow {
    _Atomic long *tokens;
};

static struct flow *map_file(int fd)
{
    void *page = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    close(fd);
    if (page == MAP_FAILED)
        return NULL;
    struct flow *flow = mem_alloc(sizeof(*flow));

    flow->tokens = page;
    return flow;
}

struct flow *flow_create(struct error *err)
{
    int fd = open(FLOW_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        error_temp(err, "4.3.0", "open %s: %m", FLOW_PATH);
        return NULL;
    }
    if (ftruncate(fd, sizeof(long)) != 0) {
        error_temp(err, "4.3.0", "set size of %s: %m", FLOW_PATH);
        close(fd);
        return NULL;
    }
    struct flow *flow = map_file(fd);

    if (flow == NULL)
        error_temp(err, "4.3.0", "map %s: %m", FLOW_PATH);
    else
        atomic_store_explicit(flow->tokens, FLOW_STOCK, memory_order_relaxed);
    return flow;
}

struct flow *flow_open(void)
{
    int fd = open(FLOW_PATH, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(long)) {
        close(fd);
        return NULL;
    }
    return map_file(fd);
}

void flow_close(struct flow *flow)
{
    if (flow == NULL)
        return;
    munmap((void *)flow->tokens, sizeof(long));
    free(flow);
}

// Two that count at the same moment may go one step past a bound; nothing depends on it.
bool flow_take(struct flow *flow)
{
    if (flow == NULL)
        return true;
    if (atomic_load_explicit(flow->tokens, memory_order_relaxed) <= 0)
        return false;
    atomic_fetch_sub_explicit(flow->tokens, 1, memory_order_relaxed);
    return true;
}

void flow_put(struct flow *flow)
{
    if (flow != NULL &&
        atomic_load_explicit(flow->tokens, memory_order_relaxed) < FLOW_STOCK)
        atomic_fetch_add_explicit(flow->tokens, 1, memory_order_relaxed);
}
