// resolve_engine: where an address leads: its class, transport and next hop.
#include "mail/resolve_engine.h"
#include "dns/dns.h"
#include "mail/address.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>

#define UNWINDINGS_MAX 100 // of user%domain@ours

// ---- opening
// -------------------------------------------------------------------------------

static struct route route_parse(struct arena *arena, const char *text)
{
    const char *colon = strchr(text, ':');

    if (colon == NULL)
        return (struct route){arena_strdup(arena, text), ""};
    return (struct route){arena_text(arena, str_n(text, (size_t)(colon - text))),
                          arena_strdup(arena, colon + 1)};
}

static bool open_route(struct engine *e, const char *name, const char *text,
                       struct route *route, struct error *err)
{
    *route = route_parse(e->arena, text);
    return route->transport[0] != '\0' ||
           error_config(err, "file %s/main.cf: parameter %s: null transport is not allowed",
                        e->mail->config_directory, name);
}

static bool open_all(struct engine *e, struct error *err)
{
    const struct mail_config *m = e->mail;
    unsigned flags = TABLE_FOLD_KEY | (m->smtputf8_enable ? TABLE_UTF8 : 0);
    bool relay_parents =
        match_parents(m->parent_domain_matches_subdomains, "relay_domains");
    const struct {
        const char *name, *text;
        struct maps **maps;
    } maps[] = {
        {"transport_maps",                          m->transport_maps,                  &e->transports       },
        {"relocated_maps",                          m->relocated_maps,                  &e->relocated        },
        {"sender_dependent_relayhost_maps",         m->sender_dependent_relayhost_maps,
         &e->sender_relayhosts                                                                               },
        {"sender_dependent_default_transport_maps",
         m->sender_dependent_default_transport_maps,                                    &e->sender_transports},
    };
    const struct {
        const char *name, *text;
        enum match_kind kind;
        bool parents;
        struct match_list **list;
    } lists[] = {
        {"mydestination",           m->mydestination,           MATCH_STRING, false,         &e->mydestination},
        {"virtual_alias_domains",   m->virtual_alias_domains,   MATCH_STRING, false,
         &e->alias_domains                                                                                    },
        {"virtual_mailbox_domains", m->virtual_mailbox_domains, MATCH_STRING, false,
         &e->mailbox_domains                                                                                  },
        {"relay_domains",           m->relay_domains,           MATCH_DOMAIN, relay_parents, &e->relay_domains},
    };
    const struct {
        const char *name, *text;
        struct route *route;
    } routes[] = {
        {"local_transport",   m->local_transport,   &e->local  },
        {"virtual_transport", m->virtual_transport, &e->virtual},
        {"relay_transport",   m->relay_transport,   &e->relay  },
        {"default_transport", m->default_transport, &e->other  },
    };

    for (size_t i = 0; i < COUNT(maps); i++)
        if ((*maps[i].maps = maps_open(maps[i].name, maps[i].text, flags, err)) == NULL)
            return false;
    for (size_t i = 0; i < COUNT(lists); i++)
        if ((*lists[i].list = match_list_open(lists[i].name, lists[i].text, lists[i].kind,
                                              lists[i].parents, err)) == NULL)
            return false;
    for (size_t i = 0; i < COUNT(routes); i++)
        if (!open_route(e, routes[i].name, routes[i].text, routes[i].route, err))
            return false;
    e->transport_parents =
        match_parents(m->parent_domain_matches_subdomains, "transport_maps");
    e->own = own_addr_open(m);
    return true;
}

struct engine *engine_open(struct config *cfg, struct error *err)
{
    struct arena *arena = arena_new();
    struct engine *e = ARENA_NEW(arena, struct engine);

    e->arena = arena;
    e->cfg = cfg;
    e->mail = config_mail(cfg);
    if (open_all(e, err))
        return e;
    engine_free(e);
    return NULL;
}

void engine_free(struct engine *e)
{
    if (e == NULL)
        return;
    maps_close(e->transports);
    maps_close(e->relocated);
    maps_close(e->sender_relayhosts);
    maps_close(e->sender_transports);
    match_list_close(e->mydestination);
    match_list_close(e->alias_domains);
    match_list_close(e->mailbox_domains);
    match_list_close(e->relay_domains);
    own_addr_free(e->own);
    arena_free(e->arena);
}

bool engine_may_wait(const struct engine *e)
{
    return maps_may_wait(e->transports) || maps_may_wait(e->relocated) ||
           maps_may_wait(e->sender_relayhosts) || maps_may_wait(e->sender_transports) ||
           match_list_may_wait(e->mydestination) || match_list_may_wait(e->alias_domains) ||
           match_list_may_wait(e->mailbox_domains) || match_list_may_wait(e->relay_domains);
}

// ---- one resolution
// ---------------------------------------------------------------------------

struct resolution {
    const struct engine *e;
    struct arena *arena;
    const char *sender;
    const char *address; // as far as it is worked out
    const char *domain;  // behind its last '@'
    struct route route;
    unsigned flags;
    bool failed; // a table could not be asked
};

static bool lists_domain(struct resolution *r, struct match_list *list, const char *domain)
{
    struct error err;

    switch (match_list_find(list, domain, NULL, &err)) {
    case MATCH_YES:
        return true;
    case MATCH_NO:
        return false;
    case MATCH_FAILED:
        break;
    }
    r->failed = true;
    return false;
}

static bool is_our_domain(struct resolution *r, const char *domain)
{
    if (lists_domain(r, r->e->mydestination, domain))
        return true;
    return domain[0] == '[' && own_addr_has(r->e->own, domain, OWN_ADDR_ANY);
}

static bool search_is_local(struct str domain, void *ctx)
{
    struct resolution *r = ctx;
    const char *text = arena_text(r->arena, domain);

    return str_is_nocase(domain, r->e->mail->myorigin) || is_our_domain(r, text);
}

static bool has_routing(const char *local)
{
    return strpbrk(local, "@%!") != NULL;
}

static const char *local_of(struct resolution *r)
{
    const char *at = strrchr(r->address, '@');

    return arena_text(r->arena, str_n(r->address, (size_t)(at - r->address)));
}

// An operator that would change the address if its local part stood alone.
static bool can_unwind(const struct resolution *r, const char *local)
{
    const struct mail_config *m = r->e->mail;

    if (!m->resolve_dequoted_address && address_needs_quotes(local))
        return false;
    return strchr(local, '@') != NULL ||
           (m->allow_percent_hack && strchr(local, '%') != NULL) ||
           (m->swap_bangpath && strchr(local, '!') != NULL);
}

// The domain of an address that may lack it, or end in a dot.
static void settle_domain(struct resolution *r)
{
    const struct mail_config *m = r->e->mail;
    const char *at = strrchr(r->address, '@');
    size_t len = strlen(r->address);

    if (at == NULL || (at[1] == '\0' && m->resolve_null_domain)) {
        size_t local = at == NULL ? len : (size_t)(at - r->address);

        r->address = arena_printf(r->arena, "%.*s@%s", (int)local, r->address,
                                  at == NULL ? m->myorigin : m->myhostname);
    } else if (len > 2 && r->address[len - 1] == '.' && at + 1 < r->address + len - 1 &&
               r->address[len - 2] != '.') {
        r->address = arena_text(r->arena, str_n(r->address, len - 1));
    }
    r->domain = strrchr(r->address, '@') + 1;
    if (m->resolve_numeric_domain && host_ipv4_is_valid(str_c(r->domain))) {
        r->address = arena_printf(r->arena, "%s@[%s]", local_of(r), r->domain);
        r->domain = strrchr(r->address, '@') + 1;
    }
}

// Takes our own domain off "user%elsewhere@ours" until nothing is left to take off. True
// when what remains is in a domain of ours.
static bool unwind(struct resolution *r)
{
    for (int i = 0; i < UNWINDINGS_MAX; i++) {
        const char *local;

        settle_domain(r);
        if (!is_our_domain(r, r->domain))
            return false;
        local = local_of(r);
        if (!can_unwind(r, local))
            return true;
        r->address = engine_rewrite(r->e, r->arena, REWRITE_LOCAL, local);
    }
    log_warn("resolve_addr: <%s>: giving up after %d iterations", r->address,
             UNWINDINGS_MAX);
    return true;
}

static bool is_valid_literal(const char *domain)
{
    size_t len = strlen(domain);
    struct str inner;

    if (len < 3 || domain[len - 1] != ']')
        return false;
    inner = str_n(domain + 1, len - 2);
    if (str_starts_nocase(inner, "IPv6:"))
        return host_ipv6_is_valid(str_from(inner, 5));
    return host_ipv4_is_valid(inner);
}

static bool is_valid(const struct resolution *r, bool is_ours)
{
    bool numeric = r->domain[strspn(r->domain, "0123456789.")] == '\0';

    if (r->address[0] == '-' && !r->e->mail->allow_min_user)
        return false;
    if (is_ours)
        return true;
    if (r->domain[0] == '[')
        return is_valid_literal(r->domain);
    return !numeric && host_name_is_valid(str_c(r->domain));
}

// ---- the class and its transport
// ------------------------------------------------------------

static void warn_both(struct resolution *r, const char *one, struct match_list *other_list,
                      const char *other)
{
    if (lists_domain(r, other_list, r->domain))
        log_warn("do not list domain %s in BOTH %s and %s", r->domain, one, other);
}

static bool is_dunno(const char *value)
{
    return str_is_nocase(str_c(value), "DUNNO");
}

// A table asked by the sender; NULL when it has nothing to say.
static const char *by_sender(struct resolution *r, struct maps *maps, const char *null_key)
{
    const struct address_search how = {
        .recipient_delimiter = r->e->mail->recipient_delimiter,
        .is_local_domain = search_is_local,
        .ctx = r,
    };
    const char *value;
    enum table_result result;
    struct error err;

    if (maps_is_empty(maps))
        return NULL;
    result = maps_find_address(maps, r->arena, r->sender[0] == '\0' ? null_key : r->sender,
                               &how, &value, NULL, &err);
    if (result == TABLE_FAILED) {
        log_warn("%s lookup failure", maps_title(maps));
        r->failed = true;
    }
    return result != TABLE_FOUND || is_dunno(value) ? NULL : value;
}

// Next hop for mail that leaves: by the transport, the sender, relayhost, or the domain.
static void route_outside(struct resolution *r, const struct route *route)
{
    const struct mail_config *m = r->e->mail;
    const char *relayhost;

    r->route = *route;
    if (route->nexthop[0] != '\0')
        return;
    relayhost =
        by_sender(r, r->e->sender_relayhosts, m->empty_address_relayhost_maps_lookup_key);
    if (relayhost == NULL)
        relayhost = m->relayhost;
    r->route.nexthop = relayhost[0] != '\0' ? relayhost : r->domain;
}

static void route_by_class(struct resolution *r, bool is_ours)
{
    const struct engine *e = r->e;
    const char *text;

    if (is_ours) {
        r->flags |= RESOLVE_CLASS_LOCAL;
        r->route = e->local;
        warn_both(r, "mydestination", e->alias_domains, "virtual_alias_domains");
        warn_both(r, "mydestination", e->mailbox_domains, "virtual_mailbox_domains");
    } else if (lists_domain(r, e->alias_domains, r->domain)) {
        // What the virtual alias table knows was expanded before it got here.
        r->flags |= RESOLVE_CLASS_VIRTUAL_ALIAS | RESOLVE_ERROR;
        r->route.transport = e->mail->error_service_name;
        r->route.nexthop = arena_printf(
            r->arena, "5.1.1 User unknown%s",
            e->mail->show_user_unknown_table_name ? " in virtual alias table" : "");
        warn_both(r, "virtual_alias_domains", e->mailbox_domains,
                  "virtual_mailbox_domains");
        warn_both(r, "virtual_alias_domains", e->relay_domains, "relay_domains");
    } else if (lists_domain(r, e->mailbox_domains, r->domain)) {
        r->flags |= RESOLVE_CLASS_VIRTUAL_MAILBOX;
        r->route = e->virtual;
        warn_both(r, "virtual_mailbox_domains", e->relay_domains, "relay_domains");
    } else if (lists_domain(r, e->relay_domains, r->domain)) {
        r->flags |= RESOLVE_CLASS_RELAY;
        route_outside(r, &e->relay);
    } else {
        r->flags |= RESOLVE_CLASS_DEFAULT;
        text = by_sender(r, e->sender_transports,
                         e->mail->empty_address_default_transport_maps_lookup_key);
        struct route by_sender_route = route_parse(r->arena, text == NULL ? "" : text);

        if (by_sender_route.transport[0] == '\0')
            by_sender_route = e->other;
        route_outside(r, &by_sender_route);
    }
    if (r->route.nexthop[0] == '\0')
        r->route.nexthop = r->domain;
}

// ---- transport and relocated tables
// ---------------------------------------------------------

static enum table_result find_transport_key(struct resolution *r, const char *key,
                                            const char **value)
{
    struct error err;

    return maps_find(r->e->transports, r->arena, key, MAPS_SKIP_PATTERNS, value, &err);
}

// user+ext@domain, user@domain, domain, its parents, "*".
static enum table_result find_transport(struct resolution *r, const char **value)
{
    const struct address_search how = {
        .recipient_delimiter = r->e->mail->recipient_delimiter,
        .steps = ADDRESS_FULL | ADDRESS_NO_EXT,
    };
    struct error err;
    enum table_result result =
        maps_find_address(r->e->transports, r->arena, r->address, &how, value, NULL, &err);
    const char *key = r->domain;

    if (result == TABLE_NOT_FOUND)
        result = find_transport_key(r, key, value);
    while (result == TABLE_NOT_FOUND && r->domain[0] != '[' &&
           (key = strchr(key + 1, '.')) != NULL) {
        if (r->e->transport_parents)
            key++;
        if (key[0] == '\0' || strcmp(key, ".") == 0)
            break;
        result = find_transport_key(r, key, value);
    }
    return result == TABLE_NOT_FOUND ? find_transport_key(r, "*", value) : result;
}

static void route_by_table(struct resolution *r)
{
    const char *value;

    // Mail for an unknown alias has no place to go, whatever the table says of others.
    if (maps_is_empty(r->e->transports) || (r->flags & RESOLVE_CLASS_VIRTUAL_ALIAS))
        return;
    switch (find_transport(r, &value)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_FAILED:
        log_warn("transport_maps lookup failure");
        r->failed = true;
        return;
    case TABLE_FOUND:
        break;
    }
    struct route route = route_parse(r->arena, value);

    if (route.transport[0] != '\0') {
        r->route = route;
        if (route.nexthop[0] == '\0')
            r->route.nexthop =
                str_is(str_c(route.transport), r->e->mail->error_service_name) ||
                        str_is(str_c(route.transport), "retry")
                    ? "Address is undeliverable"
                    : r->domain;
    } else if (route.nexthop[0] != '\0') {
        r->route.nexthop = route.nexthop;
    }
}

static void route_relocated(struct resolution *r)
{
    const struct address_search how = {
        .recipient_delimiter = r->e->mail->recipient_delimiter,
        .is_local_domain = search_is_local,
        .ctx = r,
    };
    const char *value;
    struct error err;

    if (maps_is_empty(r->e->relocated))
        return;
    switch (maps_find_address(r->e->relocated, r->arena, r->address, &how, &value, NULL,
                              &err)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_FAILED:
        log_warn("relocated_maps lookup failure");
        r->failed = true;
        return;
    case TABLE_FOUND:
        break;
    }
    r->flags |= RESOLVE_ERROR;
    r->route.transport = r->e->mail->error_service_name;
    r->route.nexthop = r->e->mail->relocated_prefix_enable
                           ? arena_printf(r->arena, "5.1.6 User has moved to %s", value)
                           : value;
}

void engine_resolve(const struct engine *e, struct arena *arena, const char *sender,
                    const char *address, struct resolved *result)
{
    struct resolution r = {.e = e, .arena = arena, .sender = sender};
    bool is_ours;

    r.address = address[0] == '\0' ? e->mail->empty_address_recipient : address;
    is_ours = unwind(&r);
    if (has_routing(local_of(&r)))
        r.flags |= RESOLVE_ROUTED;
    if (!is_valid(&r, is_ours)) {
        r.flags |= RESOLVE_ERROR | RESOLVE_BAD_SYNTAX | RESOLVE_CLASS_DEFAULT;
        r.route = (struct route){e->mail->error_service_name, "5.1.3 bad address syntax"};
    } else {
        route_by_class(&r, is_ours);
        route_by_table(&r);
        route_relocated(&r);
    }
    if (r.failed)
        r.flags |= RESOLVE_FAILED;
    *result = (struct resolved){
        .transport = arena_strdup(arena, r.route.transport),
        .nexthop = arena_strdup(arena, r.route.nexthop),
        .recipient = arena_strdup(arena, r.address),
        .flags = r.flags,
    };
}
