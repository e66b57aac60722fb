// channel: frames over a connected UNIX socket; descriptors can ride along.
#pragma once
#include "ipc/message.h"
#include "util/arena.h"
#include "util/loop.h"

struct channel;

enum channel_result {
    CHANNEL_OK,
    CHANNEL_CLOSED, // the peer has gone, in good order
    CHANNEL_FAILED, // time-out, broken frame, lost in the middle: close it
    CHANNEL_AGAIN,  // channel_try_receive: no complete frame so far
};

// Takes over a connected socket. `timeout_ms` bounds each send and each receive.
struct channel *channel_open(int fd, int timeout_ms);
// Connects to the socket at `path`; NULL with the reason (temporary).
struct channel *channel_connect(const char *path, int timeout_ms, struct error *err);
void channel_close(struct channel *ch); // NULL is fine
int channel_fd(const struct channel *ch);

// Queues a frame; channel_flush (or the next receive) sends all that is queued in one
// write.
MUST_CHECK bool channel_put(struct channel *ch, const struct message_kind *kind,
                            const void *msg, struct error *err);
// Queues a frame that message_encode made earlier.
MUST_CHECK bool channel_put_frame(struct channel *ch, struct str frame, struct error *err);
// Attaches a descriptor (duplicated now) to the bytes queued so far; sent with them. At
// most 4.
MUST_CHECK bool channel_put_fd(struct channel *ch, int fd, struct error *err);
MUST_CHECK bool channel_flush(struct channel *ch, struct error *err);
// put and flush.
MUST_CHECK bool channel_send(struct channel *ch, const struct message_kind *kind,
                             const void *msg, struct error *err);

// Receives the next frame, which must be of `kind`, decoded into `arena`.
enum channel_result channel_receive(struct channel *ch, struct arena *arena,
                                    const struct message_kind *kind, void *msg,
                                    struct error *err);
// Receives the next frame of any kind: its id and undecoded body (good until the next
// receive).
enum channel_result channel_receive_any(struct channel *ch, uint16_t *kind_id,
                                        struct str *frame, struct error *err);
// For event loops: reads what is there without waiting.
enum channel_result channel_try_receive(struct channel *ch, uint16_t *kind_id,
                                        struct str *frame, struct error *err);
// For event loops: sends what can be sent; *unsent is what is left.
MUST_CHECK bool channel_try_flush(struct channel *ch, size_t *unsent, struct error *err);
// The oldest descriptor that came along and was not taken; -1 when there is none. The taker
// closes it. Those never taken are closed with the channel.
int channel_take_fd(struct channel *ch);
// A complete frame is already buffered, or the peer has sent something (no waiting).
bool channel_has_input(struct channel *ch);
// True when the idle peer has closed (or broken the rules by talking): connect anew.
bool channel_is_stale(struct channel *ch);
