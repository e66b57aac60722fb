// qshape_count: recipients (or senders) counted by domain and age.
#pragma once
#include "util/str.h"
#include <stdint.h>
#include <stdio.h>

struct qshape_options {
    bool by_sender, parents, linear;
    long min_subdomains, buckets, tick_minutes, width;
    long batch, top; // intermediate results after so many messages; domains shown; 0: all
};

struct counts;

struct counts *counts_new(const struct qshape_options *opt, int64_t now);
void counts_free(struct counts *c);
// One address of a message that arrived at `arrival`.
void counts_add(struct counts *c, int64_t arrival, struct str address);
void counts_print(struct counts *c, FILE *out);
