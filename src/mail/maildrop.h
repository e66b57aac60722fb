// maildrop: a message as sendmail(1) and postdrop(1) write it down for pickup(8), and its
// way to cleanup(8). The bytes come from any local user and are believed in nothing.
#pragma once
#include "mail/cleanup_client.h"

struct maildrop {
    struct moment arrival; // zero when the file has no time record
    const char *sender, *full_name, *envelope_id, *encoding, *verp, *rewrite_context;
    const char *orig_id; // of a message that postsuper(1) put back; "" else
    int64_t dsn_ret, trace_flags;
    bool has_sender;
    struct cleanup_rcpt *rcpts;
    size_t rcpts_len, rcpts_max;
    struct cleanup_attr *attrs; // those of a message that was in the queue before
    size_t attrs_len, attrs_max;
    struct str content; // the N and L records
};

// `is_requeued`: the file belongs to the mail system itself and may have all that a queue
// file has. Errors: permanent (never a message) or temporary (not finished).
MUST_CHECK bool maildrop_parse(struct arena *arena, struct str data, bool is_requeued,
                               struct maildrop *drop, struct error *err);

struct maildrop_origin {
    long uid;
    bool is_requeued;
    const char *content_filter, *receive_override_options;
};
// Hands it to cleanup and waits for its verdict. False: nothing was accepted, try later.
MUST_CHECK bool maildrop_submit(struct cleanup_client *client,
                                const struct mail_config *cfg, struct arena *arena,
                                const struct maildrop *drop,
                                const struct maildrop_origin *from, char id[64],
                                struct cleanup_result *result, struct error *err);

// Checks the names in receive_override_options.
MUST_CHECK bool receive_overrides_parse(const char *text, int64_t *cleared_flags,
                                        struct error *err);
