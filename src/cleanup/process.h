// process: a complete message becomes a queue file, or a reason why not.
#pragma once
#include "cleanup/msg.h"

// `m` has arena, tables, mail, cfg, env, id, created and content; `fd` is the queue file.
// Afterwards the file is complete and only to be committed (status 0, neither `discard` nor
// `bounced`), or of no use.
void process_message(struct msg *m, int fd);
