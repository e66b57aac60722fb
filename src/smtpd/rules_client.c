// rules_client: restrictions on the client's address and name.
#include "mail/own_addr.h"
#include "smtpd/rules_judges.h"

JUDGE(judge_permit_mynetworks)
{
    const struct session *s = c->s;
    struct error err = {0};

    (void)r;
    if (s->server->mynetworks == NULL)
        return DUNNO;
    switch (match_list_find(s->server->mynetworks, s->peer.addr, s->peer.addr, &err)) {
    case MATCH_YES:
        return PERMIT;
    case MATCH_FAILED:
        return reject_table_error(c, "mynetworks", &err);
    case MATCH_NO:
        break;
    }
    return DUNNO;
}

JUDGE(judge_permit_inet_interfaces)
{
    (void)r;
    return own_addr_has(c->s->server->own, c->s->peer.addr, OWN_ADDR_INTERFACE) ? PERMIT
                                                                                : DUNNO;
}

// A name that could not be looked up is no proof that there is none.
static struct verdict reject_client(struct check *c, enum peer_name_status status,
                                    const char *dsn, const char *what)
{
    const struct session *s = c->s;

    if (status == PEER_NAME_OK)
        return DUNNO;
    return reject_with(
        c, SUBJECT_CLIENT,
        status == PEER_NAME_TEMPORARY ? 450 : s->cfg->unknown_client_reject_code, dsn,
        "Client host rejected: cannot find your %s, [%s]", what, s->peer.addr);
}

JUDGE(judge_unknown_client)
{
    (void)r;
    return reject_client(c, c->s->peer.name_status, "4.7.25", "hostname");
}

JUDGE(judge_unknown_reverse_client)
{
    (void)r;
    return reject_client(c, c->s->peer.reverse_status, "4.7.1", "reverse hostname");
}
