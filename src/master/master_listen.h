// master_listen: the sockets of master.cf services, opened once and handed to every worker.
#pragma once
#include "config/master_cf.h"
#include "master/master_inet.h"

#define LISTEN_MAX 64

struct listen_set {
    int fds[LISTEN_MAX];
    struct inet_addr addrs[LISTEN_MAX]; // inet only
    size_t len;
    char path[128]; // "private/bounce"; "" for inet
    bool is_public; // clients on other hosts can reach it
};

struct listen_owner {
    bool change; // as root: sockets belong to mail_owner
    uid_t uid;
    gid_t gid;
    bool patient; // at start: wait for workers of a killed master to let go of a port
};

// "private/NAME", "public/NAME", or "submit/NAME" for the program submit.
void listen_path(const struct master_entry *entry, char path[128]);

// Opens what `entry` asks for. Sockets in `old` (may be NULL) that are still wanted are
// taken over, so that no waiting client is lost; listen_release(old, new) closes the
// others.
MUST_CHECK bool listen_open(const struct master_entry *entry,
                            const struct mail_config *mail, const struct master_config *cfg,
                            struct listen_owner owner, const struct listen_set *old,
                            struct listen_set *set, struct error *err);
// Clients that wait to be accepted; 0 where the kernel does not tell (UNIX sockets).
size_t listen_count_waiting(const struct listen_set *set);
// Closes the sockets of `set` that are not in `kept` (may be NULL).
void listen_release(struct listen_set *set, const struct listen_set *kept);
