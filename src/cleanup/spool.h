// spool: the content of a message while it comes in: in memory, or when it is big in a file
// without a name. Processing sees it as one piece either way.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/str.h"

struct spool;

// `folder` is where the file is made; `max` bytes are kept (0: no limit), the rest is
// counted.
struct spool *spool_make(struct arena *arena, const char *folder, size_t max);
MUST_CHECK bool spool_add(struct spool *s, struct str data, struct error *err);
bool spool_is_over(const struct spool *s); // more came than `max`
// The content, good until the arena's reset.
MUST_CHECK bool spool_view(struct spool *s, struct str *content, struct error *err);
