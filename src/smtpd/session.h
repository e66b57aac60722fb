// session: what smtpd knows about one client, its current message, and the process it is
// in.
#pragma once
#include "config/config.h"
#include "mail/cleanup_client.h"
#include "mail/resolve.h"
#include "proto/smtp_data.h"
#include "smtpd/peer.h"
#include "smtpd/reply.h"
#include "smtpd/smtpd_config.h"
#include "table/maps.h"
#include "table/match_list.h"
#include "util/stream.h"

struct rules;
struct own_addr;
struct anvil_client;

// Keywords that smtpd_discard_ehlo_keywords can take out of the EHLO answer.
enum ehlo_keyword {
    EHLO_8BITMIME = 1 << 0,
    EHLO_AUTH = 1 << 1,
    EHLO_CHUNKING = 1 << 2,
    EHLO_DSN = 1 << 3,
    EHLO_ENHANCEDSTATUSCODES = 1 << 4,
    EHLO_ETRN = 1 << 5,
    EHLO_PIPELINING = 1 << 6,
    EHLO_SIZE = 1 << 7,
    EHLO_SMTPUTF8 = 1 << 8,
    EHLO_STARTTLS = 1 << 9,
    EHLO_VERP = 1 << 10,
    EHLO_VRFY = 1 << 11,
    EHLO_XCLIENT = 1 << 12,
    EHLO_XFORWARD = 1 << 13,
    EHLO_REQUIRETLS = 1 << 14,
    EHLO_SILENT_DISCARD = 1 << 15,
};

// notify_classes as far as smtpd can cause them.
enum notify_class {
    NOTIFY_BOUNCE = 1 << 0,
    NOTIFY_POLICY = 1 << 1,
    NOTIFY_PROTOCOL = 1 << 2,
    NOTIFY_RESOURCE = 1 << 3,
    NOTIFY_SOFTWARE = 1 << 4,
    NOTIFY_OTHER = 1 << 5, // classes of other programs
};

enum bare_newline {
    BARE_NEWLINE_ALLOW,
    BARE_NEWLINE_NORMALIZE,
    BARE_NEWLINE_NOTE,
    BARE_NEWLINE_REJECT
};

// What the process opened at start-up. Tests fill in what they need; NULL lists match
// nothing.
struct smtpd {
    const struct smtpd_config *cfg;
    const struct mail_config *mail;
    struct config *config;
    struct rewriter *rewriter;
    struct cleanup_client *cleanup; // opened with the first message
    struct rules *client_rules, *helo_rules, *sender_rules, *relay_rules, *recipient_rules;
    struct rules *data_rules, *end_of_data_rules, *etrn_rules, *local_rewrite_rules;
    struct text_list classes; // smtpd_restriction_classes
    bool is_open_relay; // neither list has a rule that closes it: answer 451, relay nothing
    struct match_list *mynetworks, *bare_newline_exclusions, *xclient_hosts,
        *xforward_hosts;
    struct match_list *verp_clients, *permit_logging, *forbidden_commands,
        *mx_backup_networks;
    struct match_list *noop_commands, *event_limit_exceptions, *fast_flush_domains;
    struct match_list *local_domains, *relay_domains;
    struct maps *ehlo_maps, *command_filter, *footer_maps, *rbl_reply_maps, *login_maps;
    struct maps *recipient_canonical_maps, *sender_canonical_maps, *canonical_maps;
    struct maps *virtual_alias_maps, *virtual_mailbox_maps, *relay_recipient_maps;
    struct maps *local_recipient_maps;
    bool asks_user_first; // local_recipient_maps has the system's users
    const struct own_addr *own;
    bool maps_match_parents; // smtpd_access_maps in parent_domain_matches_subdomains
    enum bare_newline bare_newline;
    unsigned notify_classes; // enum notify_class
    unsigned ehlo_discard;   // enum ehlo_keyword
    int64_t cleanup_flags;   // after receive_override_options
    bool check_recipients;   // no_unknown_recipient_checks is not set
    bool require_tls;        // smtpd_tls_security_level=encrypt
    bool utf8_autodetect;
    struct anvil_client *anvil; // opened with the first client that has limits
    bool is_stand_alone;        // -S
    bool submits;               // goes the way of sendmail(1), not to cleanup
    struct service *service;    // NULL in tests
};

// What an upstream proxy told by XFORWARD; logged and stored with the message.
struct xforward {
    bool is_set;
    const char *name, *addr, *port, *proto, *helo, *ident, *domain; // NULL: not given
};

struct rcpt_list {
    struct cleanup_rcpt *items;
    size_t len, room;
};

// One transaction; zero between transactions, its texts in session.msg_arena.
struct message {
    bool has_sender;      // MAIL was accepted
    const char *sender;   // internal form
    const char *queue_id; // NULL before the first recipient
    struct rcpt_list rcpts;
    const char *recipient; // the only accepted recipient, NULL with none or several
    int64_t size_declared;
    const char *encoding, *envelope_id, *verp;
    int dsn_ret;
    bool smtputf8;
    size_t refused_rcpts; // recipients in excess
    // By access actions.
    const char *filter, *redirect, *hold, *discard;
    const char **prepend;
    size_t prepend_len;
    struct cleanup_attr *bcc;
    size_t bcc_len;
    // Content.
    bool in_bdat, bdat_failed, content_begun, at_first_line, too_big, cleanup_failed;
    struct reply bdat_error;
    struct smtp_data data;
    struct buf *first_line;
    struct buf *drop;     // the content, when it is not cleanup that gets it as it comes
    const char *instance; // policy attribute
};

// A deferral that only counts if the final result is a permit (or a reject).
struct deferral {
    const char *reply; // NULL: none
    const char *stage;
};

struct verb_count {
    long ok, total;
};
#define SMTPD_VERBS 17 // kinds of command that the disconnect line counts

struct session {
    struct smtpd *server;
    const struct smtpd_config *cfg;
    const struct mail_config *mail;
    struct stream *io;                           // NULL in tests of handlers
    struct arena *arena, *msg_arena, *cmd_arena; // lifetimes: connection, message, command
    struct peer peer;
    struct xforward xforward;
    enum bare_newline bare_newline;
    // Dialogue.
    const char *helo; // NULL before HELO; dangerous characters are '?'
    const char *protocol;
    bool esmtp, announced_pipelining, broke_pipelining;
    unsigned ehlo_discard;
    const char *where; // last command, for the log: "CONNECT", "RCPT", "END-OF-MESSAGE"
    const char *access_denied; // reply of the client restrictions when they ran at connect
    struct verb_count counts[SMTPD_VERBS];
    long errors, junk;
    unsigned error_classes; // enum notify_class
    bool hang_up;
    bool may_xforward, is_local_client, knows_client; // as judged before XCLIENT
    const char *limited_as; // under which address anvil(8) counts; NULL: no limits
    const char *etrn_domain;
    // Deferrals asked for by earlier stages when smtpd_delay_reject=no.
    struct deferral defer_if_permit, defer_if_reject;
    const char *helo_denied, *sender_denied;
    struct message msg;
    struct buf *transcript;
    struct dns_cache *rbl_cache;
    int64_t message_count;
};

void session_init(struct session *s, struct smtpd *server, struct stream *io,
                  struct arena *arena, struct arena *msg_arena, struct arena *cmd_arena);
// What depends on who the client is (also after XCLIENT).
void session_set_peer_rules(struct session *s);
// Ends the transaction, telling cleanup to forget it.
void session_reset_message(struct session *s);
// Queue ID for the log, or "NOQUEUE".
const char *session_queue_id(const struct session *s);
// What the client sent ahead of our answer, at most `size` bytes of it; not taken off the
// stream. Empty when there is nothing (a client that hung up has sent nothing).
struct str session_input_ahead(struct session *s, char *room, size_t size);
// Text that lives until the next command.
struct reply reply_printf(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
