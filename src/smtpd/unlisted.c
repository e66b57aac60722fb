// unlisted: whether an address of our own domains exists, by the tables of its class.
#include "mail/address.h"
#include "mail/own_addr.h"
#include "smtpd/rules.h"
#include "util/log.h"
#include "util/text.h"

struct listing {
    struct check *c;
    enum subject subject;
    const char *address;  // as the client wrote it
    const char *resolved; // in standard form
    struct address_search how;
    struct error err;
    const char *failed; // table that could not be asked
};

static bool is_local_domain(struct str domain, void *ctx)
{
    const struct smtpd *server = ctx;
    char name[256];
    struct error err;

    if (domain.len >= sizeof(name) || server->local_domains == NULL)
        return false;
    if (domain.len > 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']') {
        memcpy(name, domain.ptr + 1, domain.len - 2);
        name[domain.len - 2] = '\0';
        if (own_addr_has(server->own, name, OWN_ADDR_ANY))
            return true;
    }
    memcpy(name, domain.ptr, domain.len);
    name[domain.len] = '\0';
    return match_list_find(server->local_domains, name, NULL, &err) == MATCH_YES;
}

// True when the table has the address, or cannot tell (then `failed` is set).
static bool is_in(struct listing *l, struct maps *maps, const char *title)
{
    const char *value;

    if (maps == NULL || l->failed != NULL)
        return l->failed != NULL;
    switch (maps_find_address(maps, l->c->s->msg_arena, l->resolved, &l->how, &value, NULL,
                              &l->err)) {
    case TABLE_FOUND:
        return true;
    case TABLE_FAILED:
        l->failed = title;
        return true;
    case TABLE_NOT_FOUND:
        break;
    }
    return false;
}

// Whether a local user or alias exists. No user is named user@domain, and the name service
// takes long to say so: with the system's users among the tables the bare name is tried
// first. That it exists is all that counts, so the order is ours to choose.
static bool is_local_recipient(struct listing *l)
{
    static const char title[] = "local_recipient_maps";
    const struct smtpd *server = l->c->s->server;

    if (server->asks_user_first) {
        l->how.steps = ADDRESS_LOCALPART;
        bool found = is_in(l, server->local_recipient_maps, title);

        l->how.steps = 0;
        if (found)
            return true;
    }
    return is_in(l, server->local_recipient_maps, title);
}

static struct verdict reject_unknown(struct listing *l, long code, const char *table)
{
    const char *sender_dsn = strcmp(table, "virtual alias") == 0 ? "5.1.1" : "5.1.0";
    bool names_table = l->c->s->mail->show_user_unknown_table_name;

    return reject_with(
        l->c, l->subject, code, l->subject == SUBJECT_SENDER ? sender_dsn : "5.1.1",
        "<%s>: %s rejected: User unknown%s%s%s", l->address, subject_class(l->subject),
        names_table ? " in " : "", names_table ? table : "", names_table ? " table" : "");
}

// A route to the error transport: "5.1.6 User has moved to X". Those to retry are for now.
static struct verdict reject_error_route(struct listing *l, const struct resolved *route)
{
    struct str text = str_c(route->nexthop), dsn, rest = text;
    bool is_retry = strcmp(route->transport, "retry") == 0;
    const char *status = is_retry ? "4.3.0" : "5.0.0";

    if (str_take(&rest, " \t", &dsn) && dsn.len >= 5 && dsn.len < 12 &&
        strchr("245", dsn.ptr[0]) != NULL && dsn.ptr[1] == '.') {
        status = arena_text(l->c->s->msg_arena, dsn);
        text = str_trim(rest);
    }
    return reject_with(l->c, l->subject, is_retry || status[0] == '4' ? 450 : 550, status,
                       "<%s>: %s rejected: %.*s", l->address, subject_class(l->subject),
                       STR_FMT(text));
}

static struct verdict judge_class(struct listing *l, const struct resolved *route)
{
    const struct session *s = l->c->s;
    const struct smtpd *server = s->server;
    const struct smtpd_config *cfg = s->cfg;

    if (route->flags & RESOLVE_CLASS_LOCAL) {
        if (server->local_recipient_maps != NULL && !is_local_recipient(l))
            return reject_unknown(l, cfg->unknown_local_recipient_reject_code,
                                  "local recipient");
    } else if (route->flags & RESOLVE_CLASS_VIRTUAL_ALIAS) {
        return reject_unknown(l, cfg->unknown_virtual_alias_reject_code, "virtual alias");
    } else if (route->flags & RESOLVE_CLASS_VIRTUAL_MAILBOX) {
        if (server->virtual_mailbox_maps != NULL &&
            !is_in(l, server->virtual_mailbox_maps, "virtual_mailbox_maps"))
            return reject_unknown(l, cfg->unknown_virtual_mailbox_reject_code,
                                  "virtual mailbox");
    } else if (route->flags & RESOLVE_CLASS_RELAY) {
        if (server->relay_recipient_maps != NULL &&
            !is_in(l, server->relay_recipient_maps, "relay_recipient_maps"))
            return reject_unknown(l, cfg->unknown_relay_recipient_reject_code,
                                  "relay recipient");
    }
    return DUNNO;
}

static struct verdict judge_address(struct listing *l, struct maps *class_canonical,
                                    const char *class_canonical_name)
{
    struct session *s = l->c->s;
    const struct smtpd *server = s->server;
    struct resolved route;
    struct str local, domain;

    if (!check_resolve(l->c, l->address, &route))
        return reject_with(l->c, l->subject, 451, "4.3.0", "<%s>: Temporary lookup failure",
                           l->address);
    l->resolved = route.recipient;
    l->how = (struct address_search){.recipient_delimiter = s->mail->recipient_delimiter,
                                     .is_local_domain = is_local_domain,
                                     .ctx = s->server};
    address_split(str_c(route.recipient), &local, &domain);
    // These exist by themselves; local(8) drops their mail where nobody has claimed it.
    if ((route.flags & RESOLVE_CLASS_LOCAL) &&
        (str_is_nocase(local, s->mail->double_bounce_sender) ||
         str_is_nocase(local, "postmaster") || str_is_nocase(local, "MAILER-DAEMON")))
        return DUNNO;
    if (is_in(l, class_canonical, class_canonical_name) ||
        is_in(l, server->canonical_maps, "canonical_maps") ||
        is_in(l, server->virtual_alias_maps, "virtual_alias_maps"))
        goto done;
    if (strcmp(route.transport, "error") == 0 || strcmp(route.transport, "retry") == 0) {
        if (!(route.flags & RESOLVE_CLASS_VIRTUAL_ALIAS))
            return reject_error_route(l, &route);
    }
    struct verdict v = judge_class(l, &route);

    if (v.action != VERDICT_DUNNO)
        return v;
done:
    if (l->failed != NULL)
        return reject_table_error(l->c, l->failed, &l->err);
    return DUNNO;
}

struct verdict unlisted_recipient(struct check *c, const char *address)
{
    struct listing l = {.c = c, .subject = SUBJECT_RECIPIENT, .address = address};

    if (c->did_unlisted_recipient)
        return DUNNO;
    c->did_unlisted_recipient = true;
    return judge_address(&l, c->s->server->recipient_canonical_maps,
                         "recipient_canonical_maps");
}

struct verdict unlisted_sender(struct check *c, const char *address)
{
    struct listing l = {.c = c, .subject = SUBJECT_SENDER, .address = address};

    if (c->did_unlisted_sender || address[0] == '\0')
        return DUNNO;
    c->did_unlisted_sender = true;
    return judge_address(&l, c->s->server->sender_canonical_maps, "sender_canonical_maps");
}
