// board: the shared-memory page of a service, on which its workers say whether they are
// idle.
#include "service/board.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t board_size(size_t slots)
{
    return sizeof(struct board) + slots * sizeof(struct board_slot);
}

static struct board *map_shared(int fd, size_t size)
{
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return page == MAP_FAILED ? NULL : page;
}

struct board *board_new(size_t slots, int *fd)
{
    ensure(slots > 0 && slots <= BOARD_SLOTS_MAX);
    size_t size = board_size(slots);
    int new_fd = memfd_create("board", MFD_CLOEXEC);

    if (new_fd < 0)
        return NULL;
    struct board *board =
        ftruncate(new_fd, (off_t)size) == 0 ? map_shared(new_fd, size) : NULL;
    if (board == NULL) {
        close(new_fd);
        return NULL;
    }
    board->slots_len = (uint32_t)slots;
    *fd = new_fd;
    return board;
}

struct board *board_map(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    struct board *board = map_shared(fd, (size_t)st.st_size);
    if (board == NULL)
        return NULL;
    if (board->slots_len > BOARD_SLOTS_MAX ||
        board_size(board->slots_len) != (size_t)st.st_size) {
        munmap(board, (size_t)st.st_size);
        errno = EINVAL;
        return NULL;
    }
    return board;
}

void board_free(struct board *board)
{
    if (board != NULL)
        munmap(board, board_size(board->slots_len));
}

void board_set(struct board *board, size_t slot, enum board_state state)
{
    atomic_store(&board->slots[slot].state, state);
}

enum board_state board_get(const struct board *board, size_t slot)
{
    uint32_t state = atomic_load(&board->slots[slot].state);

    return state <= BOARD_LEAVING ? (enum board_state)state : BOARD_BUSY;
}
