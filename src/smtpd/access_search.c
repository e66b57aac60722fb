// access_search: the keys under which access(5) tables are asked for hosts and addresses.
#include "smtpd/access_search.h"
#include "mail/address.h"
#include "util/text.h"

static bool look_up(struct access_search *a, const char *key, bool is_partial)
{
    switch (maps_find(a->maps, a->c->s->msg_arena, key, is_partial ? MAPS_SKIP_PATTERNS : 0,
                      &a->value, &a->err)) {
    case TABLE_FOUND:
        return true;
    case TABLE_FAILED:
        a->failed = true;
        return true;
    case TABLE_NOT_FOUND:
        break;
    }
    return false;
}

// "a.b.c", then "b.c", "c", or ".b.c", ".c" by parent_domain_matches_subdomains.
static bool find_domain_from(struct access_search *a, const char *name, bool is_partial)
{
    if (look_up(a, name, is_partial))
        return true;
    if (name[0] == '[')
        return false;
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.'))
        if (dot[1] != '\0' &&
            look_up(a, a->c->s->server->maps_match_parents ? dot + 1 : dot, true))
            return true;
    return false;
}

bool access_find_domain(struct access_search *a, const char *name)
{
    return find_domain_from(a, name, false);
}

// "192.0.2.1", "192.0.2", "192.0", "192"; IPv6 likewise by ':'.
bool access_find_address(struct access_search *a, const char *ip_address)
{
    char *key = arena_strdup(a->c->s->msg_arena, ip_address);
    char separator = strchr(ip_address, ':') != NULL ? ':' : '.';

    if (look_up(a, key, false))
        return true;
    for (char *end = strrchr(key, separator); end != NULL && end > key;
         end = strrchr(key, separator)) {
        *end = '\0';
        while (end > key && end[-1] == ':')
            *--end = '\0';
        if (key[0] != '\0' && look_up(a, key, true))
            return true;
    }
    return false;
}

static bool find_localpart(struct access_search *a, struct str local,
                           const char *extension_free)
{
    struct arena *arena = a->c->s->msg_arena;

    if (look_up(a, arena_printf(arena, "%.*s@", STR_FMT(local)), true))
        return true;
    return extension_free != NULL &&
           look_up(a, arena_printf(arena, "%s@", extension_free), true);
}

// user+ext@domain, user@domain, the domain and its parents, user+ext@, user@.
bool access_find_mail(struct access_search *a, const char *address)
{
    struct session *s = a->c->s;
    struct arena *arena = s->msg_arena;
    const char *delimiters = s->mail->recipient_delimiter, *base = NULL;
    struct str local, domain;

    if (address[0] == '\0') {
        const char *key = s->cfg->smtpd_null_access_lookup_key;

        return key[0] != '\0' && look_up(a, key, false);
    }
    if (look_up(a, address, false))
        return true;
    address_split(str_c(address), &local, &domain);
    if (delimiters != NULL && delimiters[0] != '\0') {
        char *text = arena_text(arena, local);
        const char *extension = extension_find(text, delimiters);

        if (extension != NULL) {
            text[extension - text] = '\0';
            base = text;
        }
    }
    if (domain.len == 0)
        return base != NULL && look_up(a, base, true);
    if (base != NULL &&
        look_up(a, arena_printf(arena, "%s@%.*s", base, STR_FMT(domain)), true))
        return true;
    if (find_domain_from(a, arena_text(arena, domain), true))
        return true;
    return find_localpart(a, local, base);
}
