// trigger: waking a daemon by a few bytes on its socket (postkick(1) does the same).
#pragma once
#include "util/error.h"
#include "util/str.h"

// Connects to `path`, writes `request`, and closes. Never waits longer than `timeout_ms`.
MUST_CHECK bool trigger_send(const char *path, struct str request, int timeout_ms,
                             struct error *err);
