// esmtp_param: the parameters behind MAIL FROM and RCPT TO (RFC 5321 4.1.1.11, RFC 3461).
#pragma once
#include "mail/queue_file.h"
#include "util/arena.h"
#include "util/str.h"

struct esmtp_param {
    struct str whole, name, value; // "SIZE=100", "SIZE", "100"
    bool has_value;                // there was a '='
};

// Takes the next one; false at the end.
bool esmtp_param_take(struct str *rest, struct esmtp_param *param);

// NOTIFY=: mask of enum dsn_notify. False for unknown or repeated words and for NEVER with
// others.
bool dsn_notify_parse(struct str value, int *mask);
// "SUCCESS,FAILURE" for a mask; NULL for 0.
const char *dsn_notify_format(struct arena *arena, int mask);
// RET=: one of enum dsn_ret.
bool dsn_ret_parse(struct str value, int *ret);
// ORCPT=: "rfc822;a+2Bb@c" -> "rfc822;a+b@c". "utf-8" addresses as in RFC 6533 3.
bool dsn_orcpt_parse(struct arena *arena, struct str value, const char **orcpt);
// ENVID=: decoded; printable ASCII, at most 100 characters as sent (RFC 3461 4.4).
bool dsn_envid_parse(struct arena *arena, struct str value, const char **envid);
