// postmap_message: the keys in a message on standard input: header fields, body lines.
#pragma once
#include "service/table_command.h"

void postmap_each_key(const struct table_options *opt,
                      void (*ask)(void *ctx, const char *key), void *ctx);
