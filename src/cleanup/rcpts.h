// rcpts: recipients: mapped, without duplicates, as records of the queue file.
#pragma once
#include "cleanup/msg.h"

// Rewrites and maps the recipients, in one batch, and writes their records.
bool rcpts_add(struct msg *m, const struct cleanup_rcpt *rcpts, size_t len);
// Adds a blind copy (always_bcc and friends) to those that rcpts_add_bcc will write.
void rcpts_note_bcc(struct msg *m, const char *address);
bool rcpts_add_bcc(struct msg *m);
// sender_bcc_maps and recipient_bcc_maps.
bool rcpts_find_bcc(struct msg *m, struct maps *maps, const char *address);

// Texts seen so far, folded to lower case; at most `limit` are kept (0: all).
struct rcpt_set *rcpt_set_make(struct arena *arena, size_t limit);
// False when it was there already.
bool rcpt_set_add(struct rcpt_set *set, const char *address, const char *orig);
