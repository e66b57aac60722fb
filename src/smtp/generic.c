// generic: smtp_generic_maps: local addresses become ones that the world can answer to.
#include "smtp/generic.h"
#include "mail/address.h"
#include "util/buf.h"

static const char *const address_headers[] = {
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Resent-Reply-To",
    "Errors-To",
    "Return-Receipt-To",
    "Disposition-Notification-To",
    "Mail-Followup-To",
};

static struct address_search search_with(const struct smtp_context *c)
{
    return (struct address_search){.recipient_delimiter = c->mail->recipient_delimiter};
}

// A result without domain stands for one in our own domain; "@domain" keeps the local part.
static const char *complete(const struct smtp_context *c, struct arena *arena,
                            const char *address, const char *extension, const char *value)
{
    struct str local, domain, own_local, own_domain;

    address_split(str_c(value), &local, &domain);
    address_split(str_c(address), &own_local, &own_domain);
    if (local.len == 0)
        return arena_printf(arena, "%.*s@%.*s", STR_FMT(own_local), STR_FMT(domain));
    return arena_printf(arena, "%.*s%s@%.*s", STR_FMT(local),
                        extension != NULL && c->generic_extension ? extension : "",
                        STR_FMT(domain.len > 0 ? domain : str_c(c->mail->myorigin)));
}

bool generic_address(const struct smtp_context *c, struct arena *arena, const char *address,
                     const char **result, struct error *err)
{
    const struct address_search search = search_with(c);
    const char *value, *extension;

    *result = address;
    if (c->generic == NULL || address[0] == '\0')
        return true;
    switch (
        maps_find_address(c->generic, arena, address, &search, &value, &extension, err)) {
    case TABLE_FOUND:
        *result = complete(c, arena, address, extension, value);
        return true;
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_FAILED:
        break;
    }
    return error_prefix(err, "%s", "generic map");
}

static bool is_address_header(struct str name)
{
    for (size_t i = 0; i < COUNT(address_headers); i++)
        if (str_is_nocase(name, address_headers[i]))
            return true;
    return false;
}

bool generic_header(const struct smtp_context *c, struct arena *arena, struct str *header,
                    struct error *err)
{
    size_t colon = str_index(*header, ':');

    if (c->generic == NULL || colon == SIZE_MAX ||
        !is_address_header(str_trim_right(str_sub(*header, 0, colon))))
        return true;
    struct str value = str_from(*header, colon + 1);
    struct header_addr_list list;
    size_t copied = 0;
    bool changed = false;
    struct buf *out = buf_make(arena, header->len * 4 + 65536);

    header_addrs_parse(arena, value, (size_t)c->mail->header_address_token_limit, &list);
    buf_put(out, str_sub(*header, 0, colon + 1));
    for (size_t i = 0; i < list.len; i++) {
        const struct header_addr *a = &list.items[i];
        const char *now;

        if (!generic_address(c, arena, a->address, &now, err))
            return false;
        if (now == a->address)
            continue;
        if (!buf_append(out, str_sub(value, copied, a->start - copied)) ||
            !buf_append_c(out, address_quote(arena, now)))
            return true; // grown beyond all reason: left as it was
        copied = a->start + a->len;
        changed = true;
    }
    if (!changed || !buf_append(out, str_from(value, copied)))
        return true;
    *header = buf_view(out);
    return true;
}
