// sink: where a message goes: to cleanup(8), or, with sendmail -bs of a user who may not
// talk to cleanup, by the way that sendmail itself takes.
#pragma once
#include "smtpd/session.h"

// As cleanup_begin and the others of cleanup_client.h do.
MUST_CHECK bool sink_begin(struct session *s, char id[64], struct error *err);
MUST_CHECK bool sink_envelope(struct session *s, const struct cleanup_envelope *env,
                              struct error *err);
MUST_CHECK bool sink_content(struct session *s, struct str data, struct error *err);
// The message's ID may be another one afterwards.
MUST_CHECK bool sink_commit(struct session *s, const struct cleanup_envelope *env,
                            struct cleanup_result *result, struct error *err);
void sink_abort(struct session *s);
