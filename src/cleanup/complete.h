// complete: the headers that a message has to have, when its sender is ours.
#pragma once
#include "cleanup/content.h"

// Appends what is missing, in Postfix's order.
bool complete_headers(struct msg *m, const struct header_facts *facts);
// "Full Name <address>" for a From: header (header_from_format, RFC 5322 3.4, RFC 2047).
char *complete_from(struct arena *arena, const char *name, const char *address,
                    bool is_obsolete_form, const char *charset);
