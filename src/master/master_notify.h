// master_notify: tells the service manager (systemd, Type=notify) how master is doing.
#pragma once
#include "master/master_state.h"

void notify_ready(const struct master *master);
void notify_reloading(const struct master *master);
void notify_stopping(void);
