// qmgr_client: telling qmgr(8) by name about a file in incoming/, over a kept connection.
#pragma once
#include "config/mail_config.h"

struct qmgr_client;

struct qmgr_client *qmgr_client_new(const struct mail_config *cfg);
void qmgr_client_free(struct qmgr_client *c); // NULL is fine

// Says that incoming/`id` is complete. One write; the queue manager then needs no scan.
// Never fails: if the queue manager is away, its scan at the start finds the file. Waits a
// second at most when it is far behind.
void qmgr_client_arrived(struct qmgr_client *c, const char *id);

// In the bytes that qmgr reads on its socket, each letter is a request (I, D, A, F, W), and
// this one is followed by a queue ID and a newline.
#define QMGR_REQUEST_ARRIVED 'N'
