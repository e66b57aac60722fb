// service_options: the command line that every daemon understands.
#pragma once
#include "util/text.h"

struct service_options {
    const char *name;           // -n, else the program's
    const char *transport;      // -t: "inet", "unix", "pass", "fifo", "unix-dgram"
    bool single;                // -l: at most one process
    bool unlimited;             // -z: no process limit
    bool unprivileged;          // -u: give up root
    bool chroot;                // -c: run in the queue directory
    bool stand_alone;           // -S: the client is on standard input and output
    bool log_stderr;            // -V
    bool debug;                 // -D
    long max_idle, max_use;     // -i, -m; -1: main.cf's
    long sockets;               // -s: listen sockets, from LISTEN_FD on
    int verbosity;              // -v
    struct text_list overrides; // -o, each "name=value"
    struct text_list args;      // what stands behind the options
};

// Reads argv into `arena`.
MUST_CHECK bool service_options_parse(struct arena *arena, int argc, char **argv,
                                      const char *program, struct service_options *opt,
                                      struct error *err);
