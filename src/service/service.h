// service: the skeleton of every daemon: options, configuration, log, privileges, sandbox,
// accepting clients, limits, reload, watchdog. A daemon is a const struct service_spec and
// a one-call main().
#pragma once
#include "config/config.h"
#include "ipc/channel.h"
#include "util/loop.h"
#include "util/stream.h"

struct service;

enum service_model {
    SERVICE_CLIENT, // straight-line: one client at a time, on_client(fd) until it is served
    SERVICE_TRIGGER, // woken by bytes; keeps no client: on_wake
    SERVICE_EVENT,   // many peers in one loop: on_connect(fd) hands each new socket over
    SERVICE_DGRAM,   // unix-dgram: on_datagram
};

enum service_needs {
    SERVICE_ONE_PROCESS = 1 << 0,  // master.cf must say maxproc 1
    SERVICE_NO_LIMIT = 1 << 1,     // master.cf must say maxproc 0
    SERVICE_NO_PRIVILEGE = 1 << 2, // gives root up after init (mail_owner); master.cf's
                                   // unprivileged column must not say n for the others
    SERVICE_ROOT = 1 << 3,      // keeps root to become the recipient (local, virtual, pipe)
    SERVICE_NO_CHROOT = 1 << 4, // refuses to run chrooted
    SERVICE_NO_FORK_WORKERS = 1 << 5, // one process that serves itself, no template
    SERVICE_NO_NETWORK = 1 << 7,      // makes no internet sockets, nor do its tables
    SERVICE_STAYS = 1 << 6, // max_use and max_idle do not end it (qmgr, anvil, verify)
};

struct service_spec {
    const char *name;     // program name
    const char *log_name; // as in "postfix/NAME" where that is another; may be NULL
    enum service_model model;
    unsigned needs;
    const struct param *params; // of the program; the shared ones come by themselves
    void *config;               // its struct, filled before init
    // Rows of other programs' parameters that $name may refer to; ends with NULL; may be
    // NULL.
    const struct param *const *more_params;
    // Runs once in the template, still with the privileges it was started with, before
    // chroot: open tables, keys. A failure keeps the service from starting (fatal, or for a
    // reload the old configuration stays).
    bool (*before_jail)(struct service *svc, struct error *err);
    // Runs in each worker, after privileges were dropped and the sandbox entered.
    void (*on_start)(struct service *svc);
    // The models' entry points. `fd` belongs to the callee. `args` are master.cf's
    // arguments that are no options (pipe's flags=..., argv=...).
    void (*on_client)(struct service *svc, int fd);
    void (*on_connect)(struct service *svc, int fd);
    void (*on_wake)(struct service *svc, struct str bytes);
    void (*on_datagram)(struct service *svc, struct str bytes);
    // SERVICE_EVENT: called before waiting; returns milliseconds to wait at most, -1 for no
    // limit (as qmgr's loop needs).
    int64_t (*on_idle)(struct service *svc);
    // Reload or exhausted limits: finish soon (event daemons); NULL: exit when idle.
    void (*on_drain)(struct service *svc);
    // Extra program-specific command-line letters are not possible: master.cf uses -o.
};

// Parses options, does everything above, and serves; returns the exit status.
int service_main(int argc, char **argv, const struct service_spec *spec);

struct config *service_config(struct service *svc);
const struct mail_config *service_mail(struct service *svc);
struct loop *
service_loop(struct service *svc); // SERVICE_EVENT, SERVICE_TRIGGER, SERVICE_DGRAM
const char *service_name(const struct service *svc);      // in master.cf
const char *service_transport(const struct service *svc); // -t: "inet", "unix", "pass"
// master.cf arguments behind the options.
const struct text_list *service_args(const struct service *svc);
bool service_is_chrooted(const struct service *svc);
bool service_is_stand_alone(
    const struct service *svc);                      // -S: client on standard input/output
bool service_is_rootless(const struct service *svc); // the whole instance has no root
// Restarts the watchdog during long work.
void service_alive(struct service *svc);
// Another limit than daemon_timeout for the time between two signs of life.
void service_set_watchdog(struct service *svc, struct duration limit);
// A client was served (for max_use): SERVICE_CLIENT counts by itself; SERVICE_EVENT daemons
// call it once for each socket that on_connect got, when they are done with it (a leaving
// process waits for those that are still open).
void service_count_use(struct service *svc);
// True when master wants this process to end soon (reload, stop): finish the transaction.
bool service_is_draining(const struct service *svc);
// Ends this process in good order once the current callback has returned (from on_drain,
// say).
void service_exit(struct service *svc);
