// biff: telling comsat(8) on this host about new mail.
#pragma once

// One datagram, and never mind whether anybody listens. `offset` is where the message
// starts.
void biff_notify(const char *user, long offset);
