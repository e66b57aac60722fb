// deliver: a request from the queue manager: which hosts to try, and in which order.
#pragma once
#include "smtp/job.h"

void smtp_deliver(const struct smtp_context *c, struct delivery *d);
