// verbs: the commands. Handlers return the reply instead of writing it, so that tests need
// no socket; only DATA and BDAT, which read content, use the stream.
#pragma once
#include "smtpd/session.h"

#define VERB(name) struct reply name(struct session *s, struct str args)
VERB(smtpd_helo);
VERB(smtpd_ehlo);
VERB(smtpd_mail);
VERB(smtpd_rcpt);
VERB(smtpd_data);
VERB(smtpd_bdat);
VERB(smtpd_rset);
VERB(smtpd_noop);
VERB(smtpd_vrfy);
VERB(smtpd_etrn);
VERB(smtpd_help);
VERB(smtpd_quit);
VERB(smtpd_auth);
VERB(smtpd_starttls);
VERB(smtpd_xclient);
VERB(smtpd_xforward);

// Runs one command line; the rules about order, TLS, junk and denial are here.
struct reply smtpd_dispatch(struct session *s, struct str line);
// The "helo=1 ... commands=5/6" part of the disconnect line.
const char *smtpd_counts_text(struct session *s);
// "Commands: ..." for HELP.
const char *smtpd_verb_list(struct session *s);
// The 220 greeting, or the refusal when the client restrictions were judged at connect.
struct reply smtpd_greet(struct session *s);
// Mask of enum ehlo_keyword for a list of keywords.
unsigned ehlo_keywords_parse(const char *text);
// Whether the client is in a list of hosts (NULL: no).
bool session_peer_is_in(const struct session *s, struct match_list *list);
bool session_may_xforward(const struct session *s);
