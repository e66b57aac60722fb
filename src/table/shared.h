// shared: one handle in the process for each table that is used with the same flags.
#pragma once
#include "table/table.h"

// As table_open, logging why a table is not usable; NULL only for a bad name or type.
struct table *shared_table_open(const char *spec, unsigned flags, struct error *err);
void shared_table_close(struct table *t); // NULL is fine
