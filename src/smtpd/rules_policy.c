// rules_policy: check_policy_service: asking a policy server about the request.
#include "proto/policy_client.h"
#include "smtpd/rules_judges.h"
#include "util/log.h"
#include "util/text.h"
#include <unistd.h>

struct policy {
    struct policy_server server;
    struct policy_client *client;
    const char *default_action, *context;
};

// One "name=value" of "{ endpoint, name=value, ... }".
static bool set_option(struct policy *p, struct arena *arena, struct str option,
                       struct error *err)
{
    struct str name, value;
    struct duration span;
    long number;

    if (!text_split_pair(option, &name, &value))
        return error_config(err, "missing '=' in \"%.*s\"", STR_FMT(option));
    const char *text = arena_text(arena, value);
    const struct {
        const char *name;
        int *seconds;
    } spans[] = {
        {"timeout",     &p->server.timeout    },
        {"max_idle",    &p->server.max_idle   },
        {"max_ttl",     &p->server.max_ttl    },
        {"retry_delay", &p->server.retry_delay},
    };

    for (size_t i = 0; i < COUNT(spans); i++) {
        if (!str_is(name, spans[i].name))
            continue;
        if (!duration_parse(text, 's', &span) || span.seconds < 1)
            return error_config(err, "bad time value: %.*s", STR_FMT(option));
        *spans[i].seconds = (int)span.seconds;
        return true;
    }
    if (str_is(name, "default_action")) {
        p->default_action = text;
    } else if (str_is(name, "policy_context")) {
        p->context = text;
    } else if (str_is(name, "request_limit") || str_is(name, "try_limit")) {
        if (!str_to_long(value, &number) || number < 0)
            return error_config(err, "bad number: %.*s", STR_FMT(option));
        if (str_is(name, "try_limit"))
            p->server.try_limit = (int)number;
        else
            p->server.request_limit = number;
    } else {
        return error_config(err, "unexpected attribute name: %.*s", STR_FMT(name));
    }
    return true;
}

static void close_policy(void *arg)
{
    struct policy *p = arg;

    policy_client_free(p->client);
}

struct policy *policy_parse(struct arena *arena, const struct smtpd_config *cfg,
                            const char *text, struct error *err)
{
    struct policy *p = ARENA_NEW(arena, struct policy);
    struct str rest = str_c(text), inner, element;

    p->server = (struct policy_server){
        .timeout = (int)cfg->smtpd_policy_service_timeout.seconds,
        .max_idle = (int)cfg->smtpd_policy_service_max_idle.seconds,
        .max_ttl = (int)cfg->smtpd_policy_service_max_ttl.seconds,
        .try_limit = (int)cfg->smtpd_policy_service_try_limit,
        .retry_delay = (int)cfg->smtpd_policy_service_retry_delay.seconds,
        .request_limit = cfg->smtpd_policy_service_request_limit,
    };
    p->default_action = cfg->smtpd_policy_service_default_action;
    p->context = cfg->smtpd_policy_service_policy_context;
    if (text[0] == '{') {
        if (!text_unbrace(rest, &inner)) {
            error_config(err, "missing '}' in \"%s\"", text);
            return NULL;
        }
        rest = inner;
    }
    if (!text_take_element(&rest, &element) || element.ptr == NULL ||
        !str_has_char(element, ':')) {
        error_config(err, "need transport:endpoint instead of \"%s\"", text);
        return NULL;
    }
    p->server.endpoint = arena_text(arena, element);
    while (text_take_element(&rest, &element)) {
        if (element.ptr == NULL ||
            (element.ptr[0] == '{' && !text_unbrace(element, &element)) ||
            !set_option(p, arena, element, err))
            return NULL;
    }
    arena_on_reset(arena, close_policy, p);
    return p;
}

// The same for all requests about one message, so that a server can tell messages apart.
static const char *instance_of(struct session *s)
{
    if (s->msg.instance == NULL) {
        struct moment now = moment_now();

        s->msg.instance =
            arena_printf(s->msg_arena, "%x.%x.%x.%x", (unsigned)getpid(), (unsigned)now.sec,
                         (unsigned)now.usec, (unsigned)s->message_count);
    }
    return s->msg.instance;
}

static const char *state_of(const struct check *c)
{
    return strcmp(c->where, "BDAT") == 0 ? "DATA" : c->where;
}

static const char *number(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%lld", (long long)value);
}

static const char *given(const char *text)
{
    return text == NULL ? "" : text;
}

JUDGE(judge_policy)
{
    struct session *s = c->s;
    const struct message *msg = &s->msg;
    bool counts = c->stage == STAGE_DATA || c->stage == STAGE_END_OF_DATA;
    struct policy *p = r->policy;
    const char *action = NULL;
    struct error err = {0};
    const char *rcpt_count = number(s->msg_arena, counts ? (int64_t)msg->rcpts.len : 0);
    const char *size = number(
        s->msg_arena, c->stage == STAGE_END_OF_DATA ? msg->data.size : msg->size_declared);
    const struct policy_attr attrs[] = {
        {"request",                  "smtpd_access_policy"       },
        {"protocol_state",           state_of(c)                 },
        {"protocol_name",            s->protocol                 },
        {"client_address",           s->peer.addr                },
        {"client_name",              s->peer.name                },
        {"client_port",              s->peer.port                },
        {"reverse_client_name",      s->peer.reverse_name        },
        {"server_address",           s->peer.server_addr         },
        {"server_port",              s->peer.server_port         },
        {"helo_name",                given(s->helo)              },
        {"sender",                   given(c->sender)            },
        {"recipient",                given(c->recipient)         },
        {"recipient_count",          rcpt_count                  },
        {"queue_id",                 given(msg->queue_id)        },
        {"instance",                 instance_of(s)              },
        {"size",                     size                        },
        {"etrn_domain",              given(s->etrn_domain)       },
        {"stress",                   s->mail->stress             },
        {"sasl_method",              ""                          },
        {"sasl_username",            ""                          },
        {"sasl_sender",              ""                          },
        {"ccert_subject",            ""                          },
        {"ccert_issuer",             ""                          },
        {"ccert_fingerprint",        ""                          },
        {"ccert_pubkey_fingerprint", ""                          },
        {"encryption_protocol",      ""                          },
        {"encryption_cipher",        ""                          },
        {"encryption_keysize",       "0"                         },
        {"policy_context",           p->context                  },
        {"compatibility_level",      s->mail->compatibility_level},
        {"mail_version",             s->mail->mail_version       },
    };

    if (p->client == NULL) // in the worker: a connection is not shared between processes
        p->client = policy_client_new(&p->server);
    if (!policy_ask(p->client, s->msg_arena, attrs, COUNT(attrs), &action, &err)) {
        const char *colon = strchr(p->server.endpoint, ':');

        log_warn("problem talking to server %s: %s", colon + 1, err.text);
        action = p->default_action;
    }
    enum subject subject = check_subject(c, r);

    return access_act(c, subject, subject_text(c, subject), p->server.endpoint, action);
}
