// postqueue_list: the queue as mailq(1) shows it, or as JSON.
#pragma once
#include "mail/queue_list.h"
#include <stdio.h>

struct listing {
    FILE *out;
    bool as_json, long_ids;
    long messages, bytes;
    bool in_message, had_rcpt;
    char *last_reason; // of the message at hand
};

void listing_message(struct listing *l, const char *queue, const char *id, int64_t arrival,
                     int64_t size, bool forced_expire, const char *sender);
void listing_rcpt(struct listing *l, const char *address, const char *reason);
void listing_message_end(struct listing *l);
void listing_end(struct listing *l);

// Reads what showq(8) sends on `fd`. False: it does not follow the protocol.
bool listing_read(struct listing *l, int fd);
