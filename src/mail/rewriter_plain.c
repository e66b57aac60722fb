// rewriter_plain: only what every address needs (@myorigin) and its class, until the full
// engine is there.
#include "mail/address.h"
#include "mail/resolve.h"
#include "table/match_list.h"
#include <stdlib.h>

struct rewriter {
    const struct mail_config *mail;
    struct match_list *local, *relay, *alias, *mailbox;
};

struct rewriter *rewriter_open(struct config *cfg, struct error *err)
{
    struct rewriter *rw = mem_alloc(sizeof(*rw));
    const struct mail_config *mail = config_mail(cfg);
    bool relay_parents =
        match_parents(mail->parent_domain_matches_subdomains, "relay_domains");

    rw->mail = mail;
    rw->local =
        match_list_open("mydestination", mail->mydestination, MATCH_STRING, false, err);
    rw->relay = match_list_open("relay_domains", mail->relay_domains, MATCH_DOMAIN,
                                relay_parents, err);
    rw->alias = match_list_open("virtual_alias_domains", mail->virtual_alias_domains,
                                MATCH_STRING, false, err);
    rw->mailbox = match_list_open("virtual_mailbox_domains", mail->virtual_mailbox_domains,
                                  MATCH_STRING, false, err);
    if (rw->local != NULL && rw->relay != NULL && rw->alias != NULL && rw->mailbox != NULL)
        return rw;
    rewriter_free(rw);
    return NULL;
}

void rewriter_free(struct rewriter *rw)
{
    if (rw == NULL)
        return;
    match_list_close(rw->local);
    match_list_close(rw->relay);
    match_list_close(rw->alias);
    match_list_close(rw->mailbox);
    free(rw);
}

bool rewrite_addresses(struct rewriter *rw, struct arena *arena,
                       enum rewrite_context context, const char *const *addresses,
                       size_t len, const char **results, struct error *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; i < len; i++) {
        bool complete = addresses[i][0] == 0 || strchr(addresses[i], '@') != NULL;

        results[i] = complete
                         ? addresses[i]
                         : arena_printf(arena, "%s@%s", addresses[i], rw->mail->myorigin);
    }
    return true;
}

static void resolve_one(struct rewriter *rw, struct arena *arena, const char *address,
                        struct resolved *result, struct error *err)
{
    const struct {
        struct match_list *list;
        unsigned flag;
        const char *transport, *nexthop;
    } classes[] = {
        {rw->local,   RESOLVE_CLASS_LOCAL,           "local",   NULL},
        {rw->alias,   RESOLVE_CLASS_VIRTUAL_ALIAS,   "error",
         "5.1.1 User unknown in virtual alias table"                },
        {rw->mailbox, RESOLVE_CLASS_VIRTUAL_MAILBOX, "virtual", NULL},
        {rw->relay,   RESOLVE_CLASS_RELAY,           "relay",   NULL},
    };
    struct str local, domain;

    address_split(str_c(address), &local, &domain);
    const char *name = domain.len == 0 ? rw->mail->myhostname : arena_text(arena, domain);

    *result = (struct resolved){.transport = "smtp",
                                .nexthop = name,
                                .recipient = address,
                                .flags = RESOLVE_CLASS_DEFAULT};
    for (size_t i = 0; i < COUNT(classes); i++) {
        if (match_list_find(classes[i].list, name, NULL, err) != MATCH_YES)
            continue;
        result->flags = classes[i].flag;
        result->transport = classes[i].transport;
        result->nexthop = classes[i].nexthop == NULL ? name : classes[i].nexthop;
        break;
    }
    if ((result->flags & RESOLVE_CLASS_DEFAULT) && rw->mail->relayhost[0] != '\0')
        result->nexthop = rw->mail->relayhost;
    if (str_has_char(local, '%') || str_has_char(local, '!') || str_has_char(local, '@'))
        result->flags |= RESOLVE_ROUTED;
}

bool resolve_addresses(struct rewriter *rw, struct arena *arena, const char *sender,
                       const char *const *addresses, size_t len, struct resolved *results,
                       struct error *err)
{
    (void)sender;
    for (size_t i = 0; i < len; i++)
        resolve_one(rw, arena, addresses[i], &results[i], err);
    return true;
}
