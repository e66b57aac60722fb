// rewrite_address: an address in standard form: user@fully.qualified.domain.
#include "config/config.h"
#include "mail/address.h"
#include "mail/resolve_engine.h"
#include "util/log.h"
#include "util/text.h"

// What incomplete addresses are completed with; "" where that is not wanted.
struct completion {
    const char *origin, *domain;
};

static struct completion completion_of(const struct engine *e, enum rewrite_context context)
{
    const struct mail_config *m = e->mail;
    struct completion c = {m->myorigin, m->mydomain};

    if (context == REWRITE_REMOTE)
        c.origin = c.domain = m->remote_header_rewrite_domain;
    if (!m->append_at_myorigin)
        c.origin = "";
    if (!m->append_dot_mydomain)
        c.domain = "";
    return c;
}

// "@a,@b:user@c" -> "user@c" (RFC 5321 C).
static const char *without_source_route(const char *address)
{
    const char *colon = address[0] == '@' ? strchr(address, ':') : NULL;

    return colon == NULL ? address : colon + 1;
}

// "site!user" -> "user@site", "user%domain" -> "user@domain", for addresses without a
// domain. A local part that has to stand in quotes is opaque.
static const char *find_routing(const struct engine *e, struct arena *arena,
                                const char *address)
{
    const char *bang = strchr(address, '!'), *percent = strrchr(address, '%');

    if (strchr(address, '@') != NULL || address_needs_quotes(address))
        return address;
    if (bang != NULL && e->mail->swap_bangpath)
        return arena_printf(arena, "%s@%.*s", bang + 1, (int)(bang - address), address);
    if (percent != NULL && e->mail->allow_percent_hack)
        return arena_printf(arena, "%.*s@%s", (int)(percent - address), address,
                            percent + 1);
    return address;
}

static void tell_old_default(const struct engine *e, const char *address,
                             const char *domain)
{
    struct main_cf *cf = config_main_cf(e->cfg);

    if (main_cf_get(cf, "append_dot_mydomain") == NULL &&
        !config_level_at_least(e->cfg, "1"))
        log_info(
            "using backwards-compatible default setting append_dot_mydomain=yes to rewrite "
            "\"%s\" to \"%s.%s\"",
            address, address, domain);
}

static const char *complete(const struct engine *e, struct arena *arena,
                            const struct completion *c, const char *address)
{
    const char *at = strrchr(address, '@');
    size_t len;

    if (at == NULL)
        return c->origin[0] == '\0' ? address
                                    : arena_printf(arena, "%s@%s", address, c->origin);
    if (at[1] == '\0' || at[1] == '[')
        return address;
    if (strchr(at, '.') == NULL) {
        if (c->domain[0] == '\0')
            return address;
        tell_old_default(e, at + 1, c->domain);
        return arena_printf(arena, "%s.%s", address, c->domain);
    }
    // One dot at the end says that the name is complete; two, or a dot alone, are no name.
    len = strlen(address);
    if (address[len - 1] == '.' && address[len - 2] != '.' && address[len - 2] != '@')
        return arena_text(arena, str_n(address, len - 1));
    return address;
}

const char *engine_rewrite(const struct engine *e, struct arena *arena,
                           enum rewrite_context context, const char *address)
{
    struct completion c = completion_of(e, context);

    if (address[0] == '\0')
        return arena_strdup(arena, "");
    address = without_source_route(address);
    address = find_routing(e, arena, address);
    return arena_strdup(arena, complete(e, arena, &c, address));
}
