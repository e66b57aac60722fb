// cleanup_client: handing a message to cleanup(8): from smtpd, pickup, bounce, local,
// qmqpd.
//
// One connection serves many messages, one after the other. The dialogue of each:
//
//   client                                    cleanup
//   cleanup_begin_kind                    ->  makes the queue file
//                                         <-  cleanup_began_kind: its ID, or why there is
//                                         none
//   cleanup_envelope_kind                 ->  always before any content
//   cleanup_chunk_kind (none or more)     ->
//   cleanup_end_kind                      ->  with what was only decided after the content
//                                         <-  cleanup_result_kind
//
// or cleanup_cancel_kind at any point after begin and before end: no answer, the file goes.
// So does the file of a client that hangs up. The frames from envelope to end of a small
// message travel in one write. cleanup says nothing before the end, even when it knows
// early that the message is lost: it reads on and drops what comes.
#pragma once
#include "config/mail_config.h"
#include "ipc/channel.h"
#include "mail/queue_file.h"

struct cleanup_client;

enum cleanup_flags {         // what cleanup is to do with the message
    CLEANUP_BOUNCE = 1 << 0, // bad content: bounce it instead of refusing
    CLEANUP_FILTER = 1 << 1, // header/body checks
    CLEANUP_HOLD = 1 << 2,
    CLEANUP_DISCARD = 1 << 3,
    CLEANUP_BCC_OK = 1 << 4, // always_bcc and the bcc maps
    CLEANUP_MAP_OK = 1 << 5, // canonical, virtual, masquerade
    CLEANUP_MILTER = 1 << 6,
    CLEANUP_SMTPUTF8_AUTODETECT = 1 << 7,
    CLEANUP_EXTERNAL = CLEANUP_FILTER | CLEANUP_BCC_OK | CLEANUP_MAP_OK | CLEANUP_MILTER,
    CLEANUP_INTERNAL = CLEANUP_MAP_OK,
};

enum cleanup_status { // 0 is accepted
    CLEANUP_OK = 0,
    CLEANUP_BAD,         // protocol trouble: 451 4.3.0
    CLEANUP_WRITE_ERROR, // 451 4.3.0 Error: queue file write error
    CLEANUP_TOO_BIG,     // 552 5.3.4 Error: message file too big
    CLEANUP_REJECTED,    // 550 5.7.1, reason in the result
    CLEANUP_HOPS,        // 554 5.4.0 Error: too many hops
    CLEANUP_NO_RCPTS,    // 550 5.1.0 Error: no recipients specified
    CLEANUP_DEFERRED,    // 451 4.7.1, reason in the result
    CLEANUP_PROXY,       // 451
};

struct cleanup_rcpt {
    const char *address;   // internal form, not rewritten
    const char *orig;      // what X-Original-To shows; "" means `address`
    const char *dsn_orcpt; // "rfc822;..." decoded, or ""
    int64_t dsn_notify;
};
struct cleanup_attr {
    const char *name, *value;
};
struct cleanup_envelope {
    int64_t flags; // enum cleanup_flags
    int64_t arrival_sec, arrival_usec;
    const char *sender; // internal form; "" is the null sender
    const char *full_name;
    const char *filter;      // "transport:nexthop" from FILTER or content_filter, or ""
    const char *redirect;    // REDIRECT target, or ""
    const char *envelope_id; // DSN ENVID, decoded, or ""
    const char *encoding;    // "7bit", "8bit" or "" (the client did not say)
    const char *verp;        // two delimiters or ""
    const char *hold_reason;
    int64_t dsn_ret, trace_flags, send_options;
    bool extract_rcpts; // sendmail -t: recipients from the headers
    const struct cleanup_attr
        *attrs; // log_client_name, client_address, ... as queue files name them
    size_t attrs_len;
    const struct cleanup_rcpt *rcpts;
    size_t rcpts_len;
    const struct cleanup_attr *bcc; // access map BCC: name unused, value is the address
    size_t bcc_len;
};
struct cleanup_result {
    int64_t status;     // enum cleanup_status
    const char *reason; // "5.7.1 text" or "" for the standard text
    int64_t size;       // bytes of the content as stored
};

// The dialogue's other frames, for the server side.
struct cleanup_begin_msg {
    int64_t version; // CLEANUP_PROTOCOL
};
#define CLEANUP_PROTOCOL 1
struct cleanup_began_msg {
    const char *id;     // "" when there is no file
    const char *reason; // then why: text for the log
};
struct cleanup_chunk_msg {
    struct str data; // content with LF line ends; a chunk may end anywhere in a line
};
// Verdicts reached after the envelope was sent (END-OF-DATA restrictions, the client's own
// checks): added to the envelope's where they are not empty.
struct cleanup_end_msg {
    int64_t flags; // CLEANUP_HOLD, CLEANUP_DISCARD
    const char *filter, *redirect, *hold_reason;
    const struct cleanup_attr *bcc;
    size_t bcc_len;
};
struct cleanup_cancel_msg {
    int64_t unused;
};
// A chunk is at most so long, so that cleanup can work in a buffer of fixed size.
#define CLEANUP_CHUNK_MAX 65536
extern const struct message_kind cleanup_begin_kind, cleanup_began_kind,
    cleanup_envelope_kind, cleanup_chunk_kind, cleanup_end_kind, cleanup_result_kind,
    cleanup_cancel_kind;

// Connects to public/cleanup (name from mail_config). `ipc_timeout` bounds each step.
struct cleanup_client *cleanup_client_open(const struct mail_config *cfg,
                                           struct error *err);
void cleanup_client_close(struct cleanup_client *c);

// Begins a message; `id` (64 bytes) gets its queue ID. A connection that went stale is made
// anew once.
MUST_CHECK bool cleanup_begin(struct cleanup_client *c, char id[64], struct error *err);
// Gives the envelope ahead of the content, so that content can be passed on as it comes.
// Without this call all content is kept here until cleanup_commit (at most CLEANUP_HOLD_MAX
// bytes).
MUST_CHECK bool cleanup_send_envelope(struct cleanup_client *c,
                                      const struct cleanup_envelope *env,
                                      struct error *err);
#define CLEANUP_HOLD_MAX (64u << 20)
// Content, LF as line end, in pieces of any size; buffered, sent as it grows. Only lines of
// our own policy get here: no CR LF translation happens behind this point.
MUST_CHECK bool cleanup_content(struct cleanup_client *c, struct str data,
                                struct error *err);
// Ends the message: sends the envelope and what is left of the content, waits for the
// verdict. After cleanup_send_envelope only HOLD, DISCARD, filter, redirect, hold_reason
// and bcc of `env` count, as later decisions; it may be NULL then. `reason` of the result
// lives in `arena`. After false nothing was accepted.
MUST_CHECK bool cleanup_commit(struct cleanup_client *c, const struct cleanup_envelope *env,
                               struct arena *arena, struct cleanup_result *result,
                               struct error *err);
// Forgets a begun message (the connection stays usable).
void cleanup_abort(struct cleanup_client *c);
