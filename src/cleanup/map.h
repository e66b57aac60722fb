// map: addresses through canonical(5), masquerading and virtual(5).
#pragma once
#include "cleanup/msg.h"

// Address to standard form. False: temporary trouble (status set).
bool map_rewrite(struct msg *m, enum rewrite_context context, const char **addresses,
                 size_t len);
// canonical maps and masquerading of one rewritten address of `class`, in place.
bool map_canonical(struct msg *m, enum address_class address_class, const char **address);
// All addresses that `address` stands for, by virtual_alias_maps. At least one.
bool map_virtual(struct msg *m, const char *address, struct text_list *results);

// Replaces the domain by the first of `domains` that it is below ("!domain" stops).
const char *masquerade(struct arena *arena, const struct text_list *domains,
                       const char *address);
