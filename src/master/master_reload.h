// master_reload: a new configuration takes over only when everything that runs could load
// it.
#pragma once
#include "master/master_state.h"

// Reads main.cf and master.cf for the first time and opens all sockets.
MUST_CHECK bool reload_first(struct master *master, struct error *err);
void reload_begin(struct master *master);
// Gives a reload that is not finished up, as the system is stopping.
void reload_cancel(struct master *master);
void reload_template_ready(struct master *master);
void reload_template_failed(struct master *master, struct master_service *service);
