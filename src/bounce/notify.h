// notify: what bounce(8) does for each request: who is told what.
#pragma once
#include "bounce/report.h"

// Carries one request out. `service` (bounce, defer, trace) names the folder of the log.
// False: not done, the caller tries again later.
MUST_CHECK bool notify_handle(const struct reporter *r, const char *service,
                              const struct bounce_request *req, struct arena *arena,
                              struct error *err);
