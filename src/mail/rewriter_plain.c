// rewriter_plain: only what every address needs (@myorigin), until the full engine is
// there.
#include "mail/address.h"
#include "mail/resolve.h"

struct rewriter {
    const struct mail_config *mail;
};

struct rewriter *rewriter_open(struct config *cfg, struct error *err)
{
    struct rewriter *rw = mem_alloc(sizeof(*rw));

    (void)err;
    rw->mail = config_mail(cfg);
    return rw;
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
