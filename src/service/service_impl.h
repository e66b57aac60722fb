// service_impl: what the files of the skeleton share; nobody else includes this.
#pragma once
#include "service/board.h"
#include "service/control.h"
#include "service/service.h"
#include "service/service_options.h"

#define SERVICE_LISTEN_MAX 64

struct service {
    const struct service_spec *spec;
    struct service_options opt;
    struct arena *arena;
    struct config *config;
    struct loop *loop; // made when first asked for
    long max_use, max_idle_s, watchdog_s;
    bool alarm_is_set;
    int64_t alive_at; // clock_ms of the last alarm(2)

    bool under_master, is_rootless, is_chrooted;
    int listen_fds[SERVICE_LISTEN_MAX]; // -1: closed
    struct loop_io *listen_io[SERVICE_LISTEN_MAX]; // of event-driven workers
    size_t listen_len;
    struct board *board;
    size_t slot;
    bool is_worker;
    int single_fd; // -l: lock that only one process of the service holds; -1: none

    // Of the worker.
    long served, accepted;
    bool draining, exiting;
};

// Waits for a packet of master and forks workers; returns only in a worker, or in a
// template that master told to serve by itself.
void service_template_run(struct service *svc);

// Serve until the limits are reached or master wants this process to leave.
void service_serve_clients(struct service *svc); // SERVICE_CLIENT
void service_serve_loop(struct service *svc);    // the others

// Serves one client on standard input and output.
void service_serve_stand_alone(struct service *svc);

// Takes the next client of listen socket `i` without waiting: its socket, or -1.
int service_accept(struct service *svc, size_t i, int flags);
bool service_is_pass(const struct service *svc);

// True when master has gone, or wants this generation to end.
bool service_life_ended(const struct service *svc);
void service_close_listen(struct service *svc);
void service_set_state(struct service *svc, enum board_state state);
