// unix_socket: connecting to a UNIX stream socket within a time limit.
#pragma once
#include "util/error.h"

// The connected socket (close-on-exec), or -1 with the reason (temporary). 0 or less: no
// limit.
int unix_socket_connect(const char *path, int timeout_ms, struct error *err);
