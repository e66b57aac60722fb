// rules_access: check_{client,helo,sender,recipient,etrn}_access: asking access(5) tables.
#include "smtpd/access_search.h"
#include "smtpd/rules_judges.h"

static bool find_client(struct access_search *a, const char *name)
{
    const struct peer *peer = &a->c->s->peer;

    return access_find_domain(a, name) || access_find_address(a, peer->addr);
}

// Addresses are looked up in the form they get by rewriting: "ann" is "ann@myorigin".
static bool find_mail(struct access_search *a, const char *address, bool *is_unresolved)
{
    struct resolved resolved;

    if (address == NULL)
        return false;
    if (address[0] == '\0')
        return access_find_mail(a, address);
    if (!check_resolve(a->c, address, &resolved)) {
        *is_unresolved = true;
        return true;
    }
    return access_find_mail(a, resolved.recipient);
}

JUDGE(judge_access)
{
    struct session *s = c->s;
    struct access_search a = {.c = c, .maps = r->maps};
    enum subject subject = check_subject(c, r);
    bool is_over = false, is_unresolved = false;
    const char *value = subject_text(c, subject);

    switch (subject) {
    case SUBJECT_CLIENT:
        is_over = find_client(&a, s->peer.name);
        break;
    case SUBJECT_REVERSE_CLIENT:
        is_over = access_find_domain(&a, s->peer.reverse_name);
        break;
    case SUBJECT_HELO:
        is_over = s->helo != NULL && access_find_domain(&a, s->helo);
        break;
    case SUBJECT_SENDER:
        is_over = find_mail(&a, c->sender, &is_unresolved);
        break;
    case SUBJECT_RECIPIENT:
        is_over = c->recipient != NULL && find_mail(&a, c->recipient, &is_unresolved);
        break;
    case SUBJECT_ETRN:
        is_over = s->etrn_domain != NULL && access_find_domain(&a, s->etrn_domain);
        break;
    default:
        break;
    }
    if (!is_over)
        return DUNNO;
    if (is_unresolved)
        return reject_with(c, subject, 451, "4.3.0", "<%s>: Temporary lookup failure",
                           value);
    if (a.failed)
        return reject_access_error(c, subject, r->arg, &a.err);
    return access_act(c, subject, value, r->arg, a.value);
}

// local_header_rewrite_clients: being in the table is all that counts.
JUDGE(judge_address_map)
{
    struct access_search a = {.c = c, .maps = r->maps};

    return access_find_address(&a, c->s->peer.addr) && !a.failed ? PERMIT : DUNNO;
}
