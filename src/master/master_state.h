// master_state: what master(8) knows: services, their generations of processes, and
// children.
#pragma once
#include "config/config.h"
#include "config/master_cf.h"
#include "master/master_config.h"
#include "master/master_listen.h"
#include "service/board.h"
#include "util/arena.h"
#include "util/loop.h"
#include <uthash.h>

struct master;
struct pool;

// One reading of main.cf and master.cf; lives until the last process made from it has
// ended.
struct generation {
    unsigned refs;
    struct arena *arena;
    struct config *config;
    struct master_config cfg;
    struct master_cf services;
};

enum child_role {
    CHILD_TEMPLATE, // loads everything, then forks workers
    CHILD_WORKER,   // serves clients
};

struct child {
    pid_t pid;
    enum child_role role;
    struct pool *pool;
    size_t slot;    // worker
    int control_fd; // template, or a worker that was made from one; -1: none
    struct loop_io *control_io;
    bool is_ready; // template: configuration loaded
    int64_t started_ms;
    int early_status; // no pool: it ended before its template told about it
    UT_hash_handle hh;
};

// The processes of one service that came from one configuration.
struct pool {
    struct master_service *service;
    struct generation *gen;
    const struct master_entry *entry; // of gen
    bool stress;
    int life_write; // closed: the workers leave; -1 then
    int life_read, board_fd;
    struct board *board;
    struct child **slots;   // by slot; NULL: free
    bool *asked;            // by slot: a worker was asked for and is not there yet
    struct child *template; // NULL: none
    size_t live;            // children, template included
    size_t workers;         // filled and asked slots
    bool wants_worker;      // asked for while the template was loading
    unsigned flags;         // enum control_flags, once a template was ready
    struct pool *next;      // of service->old
};

struct master_service {
    struct master *master;
    const struct master_entry *entry; // of current->gen
    struct listen_set listen;
    struct listen_set new_listen; // of a reload that is not decided, as is:
    const struct master_entry *new_entry;
    int line_fd; // epoll over the listen sockets, behind the workers in line
    struct loop_io *line_io;
    bool watching;
    unsigned looked;
    bool used; // had a client (wake-up "60?")
    struct pool *current;
    struct pool *stressed;       // with stress=yes, while it lasts
    struct pool *candidate;      // of a reload that is not decided
    struct pool *old;            // being left
    struct loop_timer *look;     // after a client that an idle worker should have taken
    struct loop_timer *throttle; // set: no new processes
    struct loop_timer *wakeup;
    int64_t stress_until_ms, warned_at_ms;
    bool is_listed; // the undecided reload has it
    struct master_service *next;
};

enum stop_phase { STOP_NONE, STOP_INTAKE, STOP_ALL, STOP_LOG, STOP_TERM, STOP_KILL };

struct master {
    struct loop *loop;
    const char *config_dir; // -c, or NULL
    bool is_rootless;
    bool debug_daemons; // -D
    bool keep_stdio;    // -d or -s
    int verbosity;
    struct generation *gen;
    struct generation *new_gen; // of a reload that is not decided
    struct master_service *services;
    struct child *children; // by pid
    struct loop_timer *reload_limit;
    bool reload_again;
    enum stop_phase stopping;
    struct loop_timer *stop_timer;
    struct loop_timer *exit_timer;
    struct loop_timer *watchdog;
    bool started;
};
