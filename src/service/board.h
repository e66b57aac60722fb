// board: the shared-memory page of a service, on which its workers say whether they are
// idle. A worker writes only here, so that serving a client costs master nothing. Whoever
// reads it treats it as a hint: a compromised worker can write what it likes.
#pragma once
#include "util/base.h"
#include <stdatomic.h>
#include <sys/types.h>

enum board_state {
    BOARD_FREE,
    BOARD_STARTING, // master asked for a worker that has not waited for a client so far
    BOARD_IDLE,
    BOARD_BUSY,
    BOARD_LEAVING,
};

struct board_slot {
    _Atomic uint32_t state;
    _Atomic uint32_t served; // clients since the worker started
} __attribute__((aligned(64)));

struct board {
    _Atomic uint32_t draining; // master wants the workers to end soon
    uint32_t slots_len;
    struct board_slot slots[];
};

#define BOARD_SLOTS_MAX 16384

// Makes a page for `slots` workers and a descriptor that children inherit; NULL with errno.
struct board *board_new(size_t slots, int *fd);
// Maps the page behind an inherited descriptor; NULL with errno.
struct board *board_map(int fd);
void board_free(struct board *board); // NULL is fine

void board_set(struct board *board, size_t slot, enum board_state state);
enum board_state board_get(const struct board *board, size_t slot);
