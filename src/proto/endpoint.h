// endpoint: connecting to "inet:host:port" or "unix:path", as policy servers and filters
// are named.
#pragma once
#include "util/error.h"

// A connected non-blocking socket, or -1 with the reason. "host:port" without a type is
// inet; other paths are relative to the current folder (the queue).
int endpoint_connect(const char *endpoint, int timeout_seconds, struct error *err);
