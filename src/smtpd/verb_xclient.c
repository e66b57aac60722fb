// verb_xclient: XCLIENT and XFORWARD: what trusted proxies and filters tell about the
// client.
#include "dns/dns.h"
#include "proto/xtext.h"
#include "smtpd/checks.h"
#include "smtpd/smtpd_log.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include "util/text.h"
#include <sys/socket.h>

#define VALUE_MAX 255

static struct reply protocol_error(struct session *s, const char *text)
{
    s->error_classes |= NOTIFY_PROTOCOL;
    return REPLY(text);
}

// One attribute being set, on a copy of the peer (or of what was forwarded).
struct setting {
    struct session *s;
    struct peer peer;
    struct xforward forward;
    const char *helo, *protocol;
    const char *value; // decoded; NULL for [UNAVAILABLE] and [TEMPUNAVAIL]
    bool is_temporary;
};

typedef bool set_attr(struct setting *x);

static enum peer_name_status missing_status(const struct setting *x)
{
    return x->is_temporary ? PEER_NAME_TEMPORARY : PEER_NAME_PERMANENT;
}

static bool is_address(const char *value, int *family, const char **addr)
{
    struct str text = str_c(value);

    if (host_ipv4_is_valid(text)) {
        *family = AF_INET;
    } else if (str_starts_nocase(text, "IPv6:") && host_ipv6_is_valid(str_from(text, 5))) {
        *family = AF_INET6;
        value += 5;
    } else if (host_ipv6_is_valid(text)) {
        *family = AF_INET6;
    } else {
        return false;
    }
    *addr = value;
    return true;
}

static bool is_port(const char *value)
{
    uint64_t port;

    return str_to_u64(str_c(value), &port) && port <= 65535;
}

static bool set_name(struct setting *x)
{
    if (x->value != NULL && !host_name_is_valid(str_c(x->value)))
        return false;
    x->peer.name = x->value == NULL ? "unknown" : x->value;
    x->peer.name_status = x->value == NULL ? missing_status(x) : PEER_NAME_OK;
    return true;
}

static bool set_reverse_name(struct setting *x)
{
    if (x->value != NULL && !host_name_is_valid(str_c(x->value)))
        return false;
    x->peer.reverse_name = x->value == NULL ? "unknown" : x->value;
    x->peer.reverse_status = x->value == NULL ? missing_status(x) : PEER_NAME_OK;
    return true;
}

static bool set_addr(struct setting *x)
{
    if (x->value == NULL) {
        x->peer.addr = "unknown";
        x->peer.family = AF_UNSPEC;
        return true;
    }
    return is_address(x->value, &x->peer.family, &x->peer.addr);
}

static bool set_port(struct setting *x)
{
    if (x->value != NULL && !is_port(x->value))
        return false;
    x->peer.port = x->value == NULL ? "unknown" : x->value;
    return true;
}

static bool set_dest_addr(struct setting *x)
{
    int family;

    if (x->value != NULL && !is_address(x->value, &family, &x->peer.server_addr))
        return false;
    if (x->value == NULL)
        x->peer.server_addr = "unknown";
    return true;
}

static bool set_dest_port(struct setting *x)
{
    if (x->value != NULL && !is_port(x->value))
        return false;
    x->peer.server_port = x->value == NULL ? "unknown" : x->value;
    return true;
}

static bool set_proto(struct setting *x)
{
    if (x->value == NULL || (!str_is_nocase(str_c(x->value), "SMTP") &&
                             !str_is_nocase(str_c(x->value), "ESMTP")))
        return false;
    x->protocol = str_is_nocase(str_c(x->value), "SMTP") ? "SMTP" : "ESMTP";
    return true;
}

static bool set_helo(struct setting *x)
{
    x->helo = x->value;
    return x->value == NULL || strlen(x->value) <= VALUE_MAX;
}

// Without SASL nobody can be logged in, whatever the proxy says.
static bool set_login(struct setting *x)
{
    return x->value == NULL || x->value[0] != '\0';
}

static bool forward_name(struct setting *x)
{
    if (x->value != NULL && !host_name_is_valid(str_c(x->value)))
        return false;
    x->forward.name = x->value;
    return true;
}

static bool forward_addr(struct setting *x)
{
    int family;

    x->forward.addr = NULL;
    return x->value == NULL || is_address(x->value, &family, &x->forward.addr);
}

static bool forward_port(struct setting *x)
{
    x->forward.port = x->value;
    return x->value == NULL || is_port(x->value);
}

static bool forward_proto(struct setting *x)
{
    x->forward.proto = x->value;
    return x->value == NULL || strlen(x->value) <= 64;
}

static bool forward_helo(struct setting *x)
{
    x->forward.helo = x->value;
    return true;
}

static bool forward_ident(struct setting *x)
{
    x->forward.ident = x->value;
    return true;
}

static bool forward_source(struct setting *x)
{
    x->forward.domain = x->value;
    return x->value == NULL || str_is_nocase(str_c(x->value), "LOCAL") ||
           str_is_nocase(str_c(x->value), "REMOTE");
}

struct attr {
    const char *name;
    set_attr *set;
};

static const struct attr xclient_attrs[] = {
    {"NAME",         set_name        },
    {"REVERSE_NAME", set_reverse_name},
    {"ADDR",         set_addr        },
    {"PORT",         set_port        },
    {"PROTO",        set_proto       },
    {"HELO",         set_helo        },
    {"LOGIN",        set_login       },
    {"DESTADDR",     set_dest_addr   },
    {"DESTPORT",     set_dest_port   },
};
static const struct attr xforward_attrs[] = {
    {"NAME",   forward_name  },
    {"ADDR",   forward_addr  },
    {"PORT",   forward_port  },
    {"PROTO",  forward_proto },
    {"HELO",   forward_helo  },
    {"IDENT",  forward_ident },
    {"SOURCE", forward_source},
};

// What would break log lines and headers becomes '?'.
static const char *neutral(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if (strchr("<>()\\\";@", *p) != NULL || (unsigned char)*p < 32 || *p == 127)
            *p = '?';
    return text;
}

static bool decode_value(struct setting *x, struct str coded)
{
    const char *value;

    if (!xtext_decode(x->s->arena, coded, &value))
        return false;
    x->is_temporary = str_is_nocase(str_c(value), "[TEMPUNAVAIL]");
    x->value = x->is_temporary || str_is_nocase(str_c(value), "[UNAVAILABLE]")
                   ? NULL
                   : neutral(arena_strdup(x->s->arena, value));
    return true;
}

// Applies all attributes to `x`; NULL when good, else the refusal. Nothing is kept of a
// command that is wrong in any part.
static const char *apply(struct setting *x, const char *verb, struct str args,
                         const struct attr *attrs, size_t len)
{
    struct session *s = x->s;
    struct str word;

    if (args.len == 0)
        return reply_printf(s, "501 5.5.4 Syntax: %s attribute=value...", verb).text;
    while (str_take(&args, " \t", &word)) {
        size_t at = str_index(word, '=');
        struct str name = at == SIZE_MAX ? word : str_sub(word, 0, at);
        const struct attr *attr = NULL;

        if (at == SIZE_MAX)
            return "501 5.5.4 Error: attribute=value expected";
        if (word.len - at - 1 > VALUE_MAX)
            return "501 5.5.4 Error: attribute value too long";
        for (size_t i = 0; i < len; i++)
            if (str_is_nocase(name, attrs[i].name))
                attr = &attrs[i];
        if (attr == NULL)
            return reply_printf(s, "501 5.5.4 Bad %s attribute name: %.*s", verb,
                                STR_FMT(name))
                .text;
        if (!decode_value(x, str_from(word, at + 1)) || !attr->set(x))
            return reply_printf(s, "501 5.5.4 Bad %s syntax: %.*s", attr->name,
                                STR_FMT(str_from(word, at + 1)))
                .text;
    }
    return NULL;
}

VERB(smtpd_xclient)
{
    struct setting x = {.s = s, .peer = s->peer, .protocol = "SMTP"};
    const char *refusal;

    if (s->msg.has_sender)
        return protocol_error(s, "503 5.5.1 Error: MAIL transaction in progress");
    if (!session_peer_is_in(s, s->server->xclient_hosts))
        return protocol_error(s, "550 5.7.0 Error: insufficient authorization");
    refusal = apply(&x, "XCLIENT", args, xclient_attrs, COUNT(xclient_attrs));
    if (refusal != NULL)
        return protocol_error(s, refusal);
    // Who may XFORWARD, and whose headers are completed, depends on the first client.
    s->may_xforward = session_may_xforward(s);
    s->is_local_client = check_is_local_client(s);
    s->knows_client = true;
    // A new client begins a new session.
    session_reset_message(s);
    s->peer = x.peer;
    peer_derive(s->arena, &s->peer, s->cfg->smtpd_client_port_logging);
    s->xforward = (struct xforward){0};
    s->protocol = x.protocol;
    s->esmtp = strcmp(x.protocol, "ESMTP") == 0;
    s->helo = x.helo;
    s->access_denied = NULL;
    s->defer_if_permit = s->defer_if_reject = (struct deferral){0};
    s->rbl_cache = NULL;
    session_set_peer_rules(s);
    return smtpd_greet(s);
}

VERB(smtpd_xforward)
{
    struct setting x = {.s = s, .forward = s->xforward};
    const char *refusal;

    if (s->msg.has_sender)
        return protocol_error(s, "503 5.5.1 Error: MAIL transaction in progress");
    if (!session_may_xforward(s))
        return protocol_error(s, "550 5.7.0 Error: insufficient authorization");
    refusal = apply(&x, "XFORWARD", args, xforward_attrs, COUNT(xforward_attrs));
    if (refusal != NULL)
        return protocol_error(s, refusal);
    s->xforward = x.forward;
    s->xforward.is_set = true;
    return REPLY("250 2.0.0 Ok");
}
