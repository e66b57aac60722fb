// postfix_commands: what postfix(1) can do, one function a command.
#pragma once
#include "config/config.h"

struct postfix_run {
    struct config *cfg;
    const struct mail_config *mail;
    bool rootless;
    bool debug;    // -D
    int verbosity; // -v
    int argc;      // of the command, its name included
    char **argv;
};

// Exit status.
int postfix_start(const struct postfix_run *run);
int postfix_start_fg(const struct postfix_run *run);
int postfix_stop(const struct postfix_run *run);
int postfix_quick_stop(const struct postfix_run *run);
int postfix_drain(const struct postfix_run *run);
int postfix_abort(const struct postfix_run *run);
int postfix_reload(const struct postfix_run *run);
int postfix_flush(const struct postfix_run *run);
int postfix_check(const struct postfix_run *run);
int postfix_check_fatal(const struct postfix_run *run);
int postfix_check_warn(const struct postfix_run *run);
int postfix_status(const struct postfix_run *run);
int postfix_logrotate(const struct postfix_run *run);
int postfix_set_permissions(const struct postfix_run *run);
int postfix_upgrade_configuration(const struct postfix_run *run);

// The process that holds pid/master.pid; 0: none.
long postfix_master_pid(const struct mail_config *mail);
