// session: a connection to one SMTP or LMTP server: commands out, replies in.
#pragma once
#include "smtp/context.h"
#include "smtp/hosts.h"
#include "smtp/reply.h"
#include "util/stream.h"

struct session {
    struct arena *arena; // lives as long as the session
    struct stream *io;
    const struct smtp_context *c;
    const char *host, *address;
    const char *peer;        // "host[address]", in texts
    const char *relay;       // "host[address]:port", in the log
    const char *destination; // the next hop it was made for
    const char *queue_id;    // of the message at hand, for the log
    const char *peer_helo;   // the name the server calls itself
    unsigned features, pix;  // enum feature, enum pix_workaround
    uint64_t size_limit;     // 0: none told
    long uses;               // messages, this one included
    int64_t created_ms, idle_until_ms;
    bool best;   // to a host of the best preference
    bool on_tcp; // not a UNIX socket
    bool dirty;  // a transaction is half done: RSET before the next, and before QUIT
    bool ending; // the server said that it will hang up (421)
    bool said_quit, said_garbage;
    bool broke_protocol;    // the server did: the postmaster is told in the end
    struct buf *transcript; // NULL: nobody wants it
};

// Connects within smtp_connect_timeout. NULL with a temporary error 4.4.1.
struct session *session_connect(const struct smtp_context *c, const struct target *target,
                                const struct host *host, struct error *err);
// A session over a connected descriptor.
struct session *session_new(const struct smtp_context *c, int fd, const char *destination,
                            const char *host, const char *address, unsigned port);
void session_close(struct session *s); // NULL is fine
// RSET where a transaction is half done, and QUIT, waiting for its answer unless
// smtp_skip_quit_response; then close.
void session_quit(struct session *s);

// Queues one command line (CR LF is added).
void session_command(struct session *s, struct str line);
void session_commandf(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Reads one reply, sending first what is queued. `doing` is how the log tells the stage,
// "sending MAIL FROM". False when the connection is of no more use: err 4.4.2 says so.
MUST_CHECK bool session_reply(struct session *s, struct arena *arena, struct duration limit,
                              const char *doing, struct smtp_reply *reply,
                              struct error *err);
// The same with a newline between the lines of the text.
MUST_CHECK bool session_reply_lines(struct session *s, struct arena *arena,
                                    struct duration limit, const char *doing,
                                    struct smtp_reply *reply, struct error *err);
// A reply with this code refused something. Some codes mean that one of us does not know
// the protocol.
void session_refused(struct session *s, int code);
// For what goes wrong while writing: fills `err` from the result; false.
bool session_failed(const struct session *s, enum stream_result result, const char *doing,
                    struct error *err);
// The peer has closed the idle connection, or talks out of turn.
bool session_is_stale(struct session *s);
