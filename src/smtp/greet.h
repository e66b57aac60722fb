// greet: the server's greeting, and EHLO, HELO or LHLO: what the peer can do.
#pragma once
#include "smtp/session.h"

enum greet_result {
    GREET_OK,
    GREET_REFUSED, // the server says no: `reply`, and the text in err
    GREET_LOST,    // the connection is gone: err
    GREET_SELF,    // the server is this system: err
};

// `old_seconds`: the age of the message, for the PIX workarounds. `detect_loop`: a server
// with our own name is ourselves. `reply` is what was refused with.
enum greet_result session_greet(struct session *s, struct arena *arena, double old_seconds,
                                bool detect_loop, struct smtp_reply *reply,
                                struct error *err);

// One line of an EHLO reply, without the code: the features it adds.
unsigned greet_features(struct str line, uint64_t *size_limit);
