// generic: smtp_generic_maps: local addresses become ones that the world can answer to.
#pragma once
#include "smtp/context.h"

// The address (internal form) as it shall leave, or `address` itself. False: temporary.
MUST_CHECK bool generic_address(const struct smtp_context *c, struct arena *arena,
                                const char *address, const char **result,
                                struct error *err);
// The same for all addresses of an address header; other headers are left alone.
MUST_CHECK bool generic_header(const struct smtp_context *c, struct arena *arena,
                               struct str *header, struct error *err);
