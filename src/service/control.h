// control: what master and a template say to each other, one packet a message, over the
// socket that the template inherits.
#pragma once
#include "util/base.h"
#include <sys/types.h>

// Descriptors that master gives to each child that it starts.
enum control_fds {
    CONTROL_FD = 3, // SOCK_SEQPACKET to master
    LIFE_FD = 4,  // reads end of file when master is gone or wants this generation to leave
    BOARD_FD = 5, // memory of struct board
    LISTEN_FD = 6, // the first listen socket
};

// Set by master in the environment of its children: "root" or "rootless".
#define CONTROL_ENV "RELAIS_MASTER"

enum control_op {
    // From the template.
    CONTROL_READY = 1,   // configuration loaded, in the jail; `flags` of enum control_flags
    CONTROL_FORKED,      // worker `pid` runs with `slot`
    CONTROL_FORK_FAILED, // `status` is errno
    CONTROL_EXITED, // worker `pid` ended with wait status `status` (only where the kernel
                    // refuses to make it master's own child)
    // From master.
    CONTROL_FORK, // start a worker with `slot`
    CONTROL_SERVE // serve clients yourself with `slot`
};

enum control_flags {
    CONTROL_SELF = 1,   // serves clients by itself instead of forking workers
    CONTROL_SHARED = 2, // one process takes all clients (event-driven)
};

struct control_msg {
    uint32_t op; // enum control_op
    uint32_t slot;
    int32_t pid;
    int32_t status;
    uint32_t flags;
};

// False with errno; a full socket counts as failure (the peer is stuck).
MUST_CHECK bool control_send(int fd, const struct control_msg *msg);

enum control_result { CONTROL_GOT, CONTROL_NOTHING, CONTROL_GONE };
enum control_result control_receive(int fd, struct control_msg *msg);
