// limits: how much one client may do in all its sessions (smtpd_client_*_limit), by
// anvil(8).
#include "smtpd/limits.h"
#include "mail/anvil_client.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include <arpa/inet.h>

// The network that shares the limits: smtpd_client_ipv{4,6}_prefix_length bits of the
// address.
static const char *network_of(struct session *s)
{
    uint8_t bytes[16] = {0};
    char text[INET6_ADDRSTRLEN];
    bool is_ipv6 = s->peer.family == AF_INET6;
    long bits = is_ipv6 ? s->cfg->smtpd_client_ipv6_prefix_length
                        : s->cfg->smtpd_client_ipv4_prefix_length;
    long all = is_ipv6 ? 128 : 32;

    if (bits >= all || inet_pton(s->peer.family, s->peer.addr, bytes) != 1)
        return s->peer.addr;
    for (long i = 0; i < all / 8; i++) {
        long keep = bits - i * 8;

        if (keep <= 0)
            bytes[i] = 0;
        else if (keep < 8)
            bytes[i] &= (uint8_t)(0xff << (8 - keep));
    }
    if (inet_ntop(s->peer.family, bytes, text, sizeof(text)) == NULL)
        return s->peer.addr;
    return arena_printf(s->arena, "%s/%ld", text, bits);
}

static bool tell(struct session *s, enum anvil_event event, struct anvil_reply *reply)
{
    struct smtpd *server = s->server;
    struct error err = {0};

    if (server->anvil == NULL)
        server->anvil = anvil_client_new();
    if (anvil_tell(server->anvil, event, s->mail->service_name, s->limited_as, reply, &err))
        return true;
    log_warn("%s", err.text);
    s->limited_as =
        NULL; // no limits rather than no mail, and no more waiting in this session
    return false;
}

const char *limits_connect(struct session *s)
{
    const struct smtpd_config *cfg = s->cfg;
    struct anvil_reply reply;

    if ((cfg->smtpd_client_connection_count_limit == 0 &&
         cfg->smtpd_client_connection_rate_limit == 0 &&
         cfg->smtpd_client_message_rate_limit == 0 &&
         cfg->smtpd_client_recipient_rate_limit == 0) ||
        s->server->is_stand_alone || s->peer.family == AF_UNIX ||
        session_peer_is_in(s, s->server->event_limit_exceptions))
        return NULL;
    s->limited_as = network_of(s);
    if (!tell(s, ANVIL_CONNECT, &reply))
        return NULL;
    const char *what = NULL;
    int64_t value = 0;

    if (cfg->smtpd_client_connection_count_limit > 0 &&
        reply.count > cfg->smtpd_client_connection_count_limit) {
        what = "Connection concurrency";
        value = reply.count;
    } else if (cfg->smtpd_client_connection_rate_limit > 0 &&
               reply.rate > cfg->smtpd_client_connection_rate_limit) {
        what = "Connection rate";
        value = reply.rate;
    }
    if (what == NULL)
        return NULL;
    log_warn("%s limit exceeded: %lld from %s for service %s", what, (long long)value,
             s->peer.namaddr, s->mail->service_name);
    s->error_classes |= NOTIFY_POLICY;
    return reply_printf(s, "421 4.7.0 %s Error: too many connections from %s",
                        s->mail->myhostname, s->peer.addr)
        .text;
}

static const char *check_rate(struct session *s, enum anvil_event event, long limit,
                              const char *what, const char *complaint)
{
    struct anvil_reply reply;

    if (s->limited_as == NULL || limit == 0 || !tell(s, event, &reply) ||
        reply.rate <= limit)
        return NULL;
    log_warn("%s rate limit exceeded: %lld from %s for service %s", what,
             (long long)reply.rate, s->peer.namaddr, s->mail->service_name);
    s->error_classes |= NOTIFY_POLICY;
    return reply_printf(s, "450 4.7.1 Error: %s from %s", complaint, s->peer.addr).text;
}

const char *limits_mail(struct session *s)
{
    return check_rate(s, ANVIL_MAIL, s->cfg->smtpd_client_message_rate_limit,
                      "Message delivery request", "too much mail");
}

const char *limits_rcpt(struct session *s)
{
    return check_rate(s, ANVIL_RCPT, s->cfg->smtpd_client_recipient_rate_limit,
                      "Recipient address", "too many recipients");
}

void limits_disconnect(struct session *s)
{
    struct anvil_reply reply;

    if (s->limited_as != NULL)
        (void)tell(s, ANVIL_DISCONNECT, &reply);
}
