// map: addresses through canonical(5), masquerading and virtual(5).
#include "cleanup/map.h"
#include "mail/address.h"
#include "util/log.h"
#include <strings.h>

// How often a canonical result is looked up again.
#define CANONICAL_DEPTH 10

bool map_rewrite(struct msg *m, enum rewrite_context context, const char **addresses,
                 size_t len)
{
    struct error err;

    if (len == 0)
        return true;
    const char **results = arena_array(m->arena, len, sizeof(*results));

    if (!rewrite_addresses(m->tables->rewriter, m->arena, context, addresses, len, results,
                           &err)) {
        log_warn("%s: address rewriting failed: %s", m->id, err.text);
        return msg_fail(m, CLEANUP_WRITE_ERROR, "");
    }
    memcpy(addresses, results, len * sizeof(*results));
    return true;
}

// Addresses in a table may be separated by blanks alone.
static struct str with_commas(struct arena *arena, const char *value)
{
    char *text;

    if (strpbrk(value, "\"<>();:") != NULL || strpbrk(value, " \t") == NULL)
        return str_c(value);
    text = arena_strdup(arena, value);
    for (char *p = text; *p != 0; p++)
        if (*p == ' ' || *p == '\t')
            *p = ',';
    return str_c(text);
}

// The addresses of a table's result in standard form. A result of "@domain" keeps the local
// part of `key`; an unmatched extension is put back.
static bool parse_result(struct msg *m, const char *key, const char *value,
                         const char *extension, struct text_list *results)
{
    struct header_addr_list list;
    struct str key_local, local, domain;

    header_addrs_parse(m->arena, with_commas(m->arena, value), SIZE_MAX, &list);
    address_split(str_c(key), &key_local, &domain);
    const char **addresses = arena_array(m->arena, list.len + 1, sizeof(*addresses));
    size_t len = 0;

    for (size_t i = 0; i < list.len; i++) {
        const char *address = list.items[i].address;

        if (address[0] == 0)
            continue;
        address_split(str_c(address), &local, &domain);
        if (address[0] == '@')
            address = arena_printf(m->arena, "%.*s%s", STR_FMT(key_local), address);
        else if (extension != NULL && domain.len > 0)
            address = arena_printf(m->arena, "%.*s%s@%.*s", STR_FMT(local), extension,
                                   STR_FMT(domain));
        else if (extension != NULL)
            address = arena_printf(m->arena, "%s%s", address, extension);
        addresses[len++] = address;
    }
    if (!map_rewrite(m, REWRITE_LOCAL, addresses, len))
        return false;
    results->items = addresses;
    results->len = len;
    return true;
}

static enum table_result find(struct msg *m, struct maps *maps, bool propagate,
                              const char *address, const char **value,
                              const char **extension)
{
    struct address_search how = {.recipient_delimiter = m->mail->recipient_delimiter,
                                 .is_local_domain = cleanup_is_local_domain,
                                 .ctx = m->tables};
    struct error err;

    *extension = NULL;
    enum table_result result =
        maps_find_address(maps, m->arena, address, &how, value, extension, &err);

    if (!propagate)
        *extension = NULL;
    if (result == TABLE_FAILED) {
        log_warn(
            "%s: %s map lookup problem for %s -- message not accepted, try again later",
            m->id, maps_title(maps), address);
        msg_fail(m, CLEANUP_WRITE_ERROR, "");
    }
    return result;
}

static bool map_one(struct msg *m, struct maps *maps, const char **address)
{
    const char *value, *extension;
    struct text_list results;

    for (int depth = 0; depth < CANONICAL_DEPTH; depth++) {
        enum table_result result =
            find(m, maps, m->tables->propagate_canonical, *address, &value, &extension);

        if (result != TABLE_FOUND)
            return result == TABLE_NOT_FOUND;
        if (!parse_result(m, *address, value, extension, &results))
            return false;
        if (results.len != 1)
            log_warn("%s: multi-valued %s entry for %s", m->id, maps_title(maps), *address);
        if (results.len == 0 || strcasecmp(results.items[0], *address) == 0) {
            if (results.len > 0)
                *address = results.items[0];
            return true;
        }
        *address = results.items[0];
    }
    log_warn(
        "%s: unreasonable %s map nesting for %s -- message not accepted, try again later",
        m->id, maps_title(maps), *address);
    return msg_fail(m, CLEANUP_WRITE_ERROR, "4.6.0 Alias expansion error");
}

const char *masquerade(struct arena *arena, const struct text_list *domains,
                       const char *address)
{
    struct str local, domain;

    address_split(str_c(address), &local, &domain);
    for (size_t i = 0; i < domains->len; i++) {
        const char *parent = domains->items[i];
        bool keep = parent[0] == '!';

        parent += keep;
        size_t len = strlen(parent);
        bool equal = str_is_nocase(domain, parent);
        bool below = domain.len > len + 1 && domain.ptr[domain.len - len - 1] == '.' &&
                     str_ends_nocase(domain, parent);

        if (!equal && !below)
            continue;
        if (keep || equal)
            return address;
        return arena_printf(arena, "%.*s@%s", STR_FMT(local), parent);
    }
    return address;
}

static bool is_masquerade_exception(struct msg *m, const char *address)
{
    struct str local, domain;
    struct error err;

    address_split(str_c(address), &local, &domain);
    return !match_list_is_empty(m->tables->masquerade_exceptions) &&
           match_list_find(m->tables->masquerade_exceptions, arena_text(m->arena, local),
                           NULL, &err) != MATCH_NO;
}

bool map_canonical(struct msg *m, enum address_class address_class, const char **address)
{
    const struct cleanup_tables *t = m->tables;
    bool is_sender = (address_class & (CLASS_ENVELOPE_SENDER | CLASS_HEADER_SENDER)) != 0;
    struct maps *own = is_sender ? t->sender_canonical : t->rcpt_canonical;
    unsigned own_classes =
        is_sender ? t->sender_canonical_classes : t->rcpt_canonical_classes;

    if (!(m->env.flags & CLEANUP_MAP_OK) || (*address)[0] == 0)
        return true;
    if ((own_classes & address_class) && !maps_is_empty(own) && !map_one(m, own, address))
        return false;
    if ((t->canonical_classes & address_class) && !maps_is_empty(t->canonical) &&
        !map_one(m, t->canonical, address))
        return false;
    if ((t->masquerade_classes & address_class) && t->masquerade_domains.len > 0 &&
        !is_masquerade_exception(m, *address))
        *address = masquerade(m->arena, &t->masquerade_domains, *address);
    return true;
}

// ---- virtual(5) ------------------------------------------------------------------------

struct expansion {
    const char *address;
    long depth;
};

static bool fail_expansion(struct msg *m, const char *what, const char *address)
{
    log_warn("%s: unreasonable %s map %s for %s -- message not accepted, try again later",
             m->id, maps_title(m->tables->virtual_alias), what, address);
    return msg_fail(m, CLEANUP_DEFERRED, "4.6.0 Alias expansion error");
}

static bool has_itself(const struct text_list *results, const char *address)
{
    for (size_t i = 0; i < results->len; i++)
        if (strcasecmp(results->items[i], address) == 0)
            return true;
    return false;
}

static bool check_lengths(struct msg *m, const struct text_list *results, const char *from)
{
    for (size_t i = 0; i < results->len; i++) {
        if ((long)strlen(results->items[i]) <= m->cfg->virtual_alias_address_length_limit)
            continue;
        log_warn("%s: unreasonable %s result %.300s... for %s -- message not accepted, try "
                 "again later",
                 m->id, maps_title(m->tables->virtual_alias), results->items[i], from);
        return msg_fail(m, CLEANUP_DEFERRED, "4.6.0 Alias expansion error");
    }
    return true;
}

// Depth first, so that the results stand in the order in which the tables list them.
bool map_virtual(struct msg *m, const char *address, struct text_list *results)
{
    struct maps *maps = m->tables->virtual_alias;
    size_t max = (size_t)m->cfg->virtual_alias_expansion_limit, len = 1;
    struct text_list found;
    const char *value, *extension;

    results->len = 0;
    if (!(m->env.flags & CLEANUP_MAP_OK) || maps_is_empty(maps)) {
        text_list_add(m->arena, results, address);
        return true;
    }
    // The addresses still to be looked up, the next one last.
    size_t room = 16;
    struct expansion *todo = arena_array(m->arena, room, sizeof(*todo));

    todo[0] = (struct expansion){address, 0};
    while (len > 0) {
        struct expansion next = todo[--len];
        enum table_result result =
            find(m, maps, m->tables->propagate_virtual, next.address, &value, &extension);

        if (result == TABLE_FAILED)
            return false;
        if (result == TABLE_FOUND &&
            (!parse_result(m, next.address, value, extension, &found) ||
             !check_lengths(m, &found, next.address)))
            return false;
        if (result == TABLE_NOT_FOUND || found.len == 0) {
            if (results->len + len + 1 > max)
                return fail_expansion(m, "expansion size", address);
            text_list_add(m->arena, results, next.address);
            continue;
        }
        if (next.depth + 1 > m->cfg->virtual_alias_recursion_limit)
            return fail_expansion(m, "nesting", address);
        if (results->len + len + found.len > max)
            return fail_expansion(m, "expansion size", address);
        if (has_itself(&found, next.address)) {
            // An address that expands to itself (and others) is final, or it would not end.
            for (size_t i = 0; i < found.len; i++)
                if (strcasecmp(found.items[i], next.address) == 0)
                    text_list_add(m->arena, results, found.items[i]);
        }
        if (len + found.len > room) {
            size_t more = (len + found.len) * 2;
            struct expansion *grown = arena_array(m->arena, more, sizeof(*grown));

            memcpy(grown, todo, len * sizeof(*grown));
            todo = grown;
            room = more;
        }
        for (size_t i = found.len; i-- > 0;)
            if (strcasecmp(found.items[i], next.address) != 0)
                todo[len++] = (struct expansion){found.items[i], next.depth + 1};
    }
    return true;
}
