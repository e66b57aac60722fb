// rewriter_plain: only what every address needs (@myorigin; local, or the domain by SMTP),
// until the full engine is there.
#include "mail/address.h"
#include "mail/resolve.h"
#include "table/match_list.h"

struct rewriter {
    const struct mail_config *mail;
    struct match_list *local;
};

struct rewriter *rewriter_open(struct config *cfg, struct error *err)
{
    struct rewriter *rw = mem_alloc(sizeof(*rw));

    rw->mail = config_mail(cfg);
    rw->local =
        match_list_open("mydestination", rw->mail->mydestination, MATCH_DOMAIN, false, err);
    return rw->local == NULL ? NULL : rw;
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

bool resolve_addresses(struct rewriter *rw, struct arena *arena, const char *sender,
                       const char *const *addresses, size_t len, struct resolved *results,
                       struct error *err)
{
    (void)arena;
    (void)sender;
    for (size_t i = 0; i < len; i++) {
        const char *at = strrchr(addresses[i], '@');
        const char *domain = at == NULL ? rw->mail->myhostname : at + 1;

        results[i] = (struct resolved){"smtp", domain, addresses[i], RESOLVE_CLASS_DEFAULT};
        switch (match_list_find(rw->local, domain, NULL, err)) {
        case MATCH_YES:
            results[i].transport = "local";
            results[i].flags = RESOLVE_CLASS_LOCAL;
            break;
        case MATCH_FAILED:
            return false;
        case MATCH_NO:
            if (rw->mail->relayhost[0] != '\0')
                results[i].nexthop = rw->mail->relayhost;
            break;
        }
    }
    return true;
}
