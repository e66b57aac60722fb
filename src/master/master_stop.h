// master_stop: ending in good order: first no more mail comes in, then nothing runs any
// more.
#pragma once
#include "master/master_state.h"

void stop_begin(struct master *master, int sig);
// Everything ends now.
void stop_abort(struct master *master, int sig);
void stop_child_gone(struct master *master);
