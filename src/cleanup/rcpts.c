// rcpts: recipients: mapped, without duplicates, as records of the queue file.
#include "cleanup/rcpts.h"
#include "cleanup/map.h"
#include "mail/address.h"
#include "util/log.h"
#include "util/text.h"

struct rcpt_set {
    struct arena *arena;
    const char **slots; // open addressing
    size_t size, used, limit;
};

struct rcpt_set *rcpt_set_make(struct arena *arena, size_t limit)
{
    struct rcpt_set *set = ARENA_NEW(arena, struct rcpt_set);

    set->arena = arena;
    set->limit = limit;
    set->size = 64;
    set->slots = arena_array(arena, set->size, sizeof(*set->slots));
    return set;
}

static size_t hash(const char *text)
{
    uint64_t h = 14695981039346656037u;

    for (; *text != 0; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

static const char **find_slot(const char **slots, size_t size, const char *key)
{
    size_t i = hash(key) & (size - 1);

    while (slots[i] != NULL && strcmp(slots[i], key) != 0)
        i = (i + 1) & (size - 1);
    return &slots[i];
}

bool rcpt_set_add(struct rcpt_set *set, const char *address, const char *orig)
{
    // A newline cannot stand in an address here.
    char *key = arena_printf(set->arena, "%s\n%s", address, orig);

    ascii_lower_in_place(key);
    const char **slot = find_slot(set->slots, set->size, key);

    if (*slot != NULL)
        return false;
    if (set->limit > 0 && set->used >= set->limit)
        return true;
    *slot = key;
    if (++set->used * 2 < set->size)
        return true;
    size_t size = set->size * 2;
    const char **slots = arena_array(set->arena, size, sizeof(*slots));

    for (size_t i = 0; i < set->size; i++)
        if (set->slots[i] != NULL)
            *find_slot(slots, size, set->slots[i]) = set->slots[i];
    set->slots = slots;
    set->size = size;
    return true;
}

static struct msg_rcpt *keep(struct msg *m)
{
    if (m->rcpts_len == m->rcpts_max) {
        size_t max = m->rcpts_max == 0 ? 16 : m->rcpts_max * 2;
        struct msg_rcpt *more = arena_array(m->arena, max, sizeof(*more));

        if (m->rcpts_len > 0)
            memcpy(more, m->rcpts, m->rcpts_len * sizeof(*more));
        m->rcpts = more;
        m->rcpts_max = max;
    }
    return &m->rcpts[m->rcpts_len++];
}

// RFC 3461 NOTIFY as the queue manager's flags of the size record.
static int64_t notify_flags(int64_t notify)
{
    return notify << 1;
}

static bool write_rcpt(struct msg *m, const struct msg_rcpt *rcpt)
{
    const char *folded_orig = m->mail->enable_original_recipient ? rcpt->orig : "";

    m->last_rcpt = rcpt->address;
    if (!rcpt_set_add(m->seen, rcpt->address, folded_orig))
        return true;
    if (rcpt->dsn_notify != 0 &&
        !msg_putf(m, REC_ATTR, "notify_flags=%lld", (long long)rcpt->dsn_notify))
        return false;
    if (rcpt->dsn_orcpt[0] != 0 &&
        !msg_putf(m, REC_ATTR, "dsn_orig_rcpt=%s", rcpt->dsn_orcpt))
        return false;
    if (!msg_put(m, REC_ORIG_RCPT, str_c(rcpt->orig)))
        return false;
    struct msg_rcpt *kept = keep(m);

    *kept = *rcpt;
    kept->offset = queue_writer_offset(m->out);
    m->qmgr_flags |= notify_flags(rcpt->dsn_notify);
    if (!str_is_ascii(str_c(rcpt->address)))
        m->send_options |= SEND_SMTPUTF8_RECIPIENT;
    return msg_put(m, REC_RCPT, str_c(rcpt->address));
}

// One rewritten recipient: canonical, then virtual.
static bool add_one(struct msg *m, const struct cleanup_rcpt *rcpt, const char *address,
                    bool is_bcc)
{
    struct text_list results = {NULL, 0};
    struct msg_rcpt out = {
        .orig = rcpt->orig[0] != 0 ? rcpt->orig : rcpt->address,
        .dsn_orcpt = rcpt->dsn_orcpt,
        .dsn_notify = rcpt->dsn_notify,
    };

    if (!map_canonical(m, CLASS_ENVELOPE_RCPT, &address))
        return false;
    // compat: what an SMTP client said counts; local mail has its final form.
    if (out.dsn_orcpt[0] == 0 && !is_bcc && msg_attr(m, "log_client_address")[0] != 0)
        out.dsn_orcpt =
            arena_printf(m->arena, "rfc822;%s", address_quote(m->arena, rcpt->address));
    if (out.dsn_orcpt[0] == 0 && !is_bcc)
        out.dsn_orcpt =
            arena_printf(m->arena, "rfc822;%s", address_quote(m->arena, address));
    if (!is_bcc && (m->env.flags & CLEANUP_BCC_OK) &&
        !rcpts_find_bcc(m, m->tables->rcpt_bcc, address))
        return false;
    if (!map_virtual(m, address, &results))
        return false;
    for (size_t i = 0; i < results.len; i++) {
        out.address = results.items[i];
        if (!write_rcpt(m, &out))
            return false;
    }
    return true;
}

static bool add_all(struct msg *m, const struct cleanup_rcpt *rcpts, size_t len,
                    bool is_bcc)
{
    const char **addresses = arena_array(m->arena, len + 1, sizeof(*addresses));

    for (size_t i = 0; i < len; i++)
        addresses[i] =
            rcpts[i].address[0] != 0 ? rcpts[i].address : m->mail->empty_address_recipient;
    if (!map_rewrite(m, REWRITE_LOCAL, addresses, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!add_one(m, &rcpts[i], addresses[i], is_bcc))
            return false;
    return true;
}

bool rcpts_add(struct msg *m, const struct cleanup_rcpt *rcpts, size_t len)
{
    return add_all(m, rcpts, len, false);
}

void rcpts_note_bcc(struct msg *m, const char *address)
{
    if (m->bcc_len == m->bcc_max) {
        size_t max = m->bcc_max == 0 ? 8 : m->bcc_max * 2;
        const char **more = arena_array(m->arena, max, sizeof(*more));

        if (m->bcc_len > 0)
            memcpy(more, m->bcc, m->bcc_len * sizeof(*more));
        m->bcc = more;
        m->bcc_max = max;
    }
    m->bcc[m->bcc_len++] = arena_strdup(m->arena, address);
}

bool rcpts_add_bcc(struct msg *m)
{
    struct cleanup_rcpt *rcpts = arena_array(m->arena, m->bcc_len + 1, sizeof(*rcpts));
    size_t len = m->bcc_len;

    // compat: nobody else is to learn of a copy from a delivery report.
    for (size_t i = 0; i < len; i++)
        rcpts[i] = (struct cleanup_rcpt){
            .address = m->bcc[i], .orig = "", .dsn_orcpt = "", .dsn_notify = DSN_NEVER};
    return add_all(m, rcpts, len, true);
}

bool rcpts_find_bcc(struct msg *m, struct maps *maps, const char *address)
{
    struct address_search how = {.recipient_delimiter = m->mail->recipient_delimiter,
                                 .is_local_domain = cleanup_is_local_domain,
                                 .ctx = m->tables};
    struct header_addr_list list;
    const char *value;
    struct error err;

    if (maps_is_empty(maps) || address[0] == 0)
        return true;
    switch (maps_find_address(maps, m->arena, address, &how, &value, NULL, &err)) {
    case TABLE_NOT_FOUND:
        return true;
    case TABLE_FAILED:
        log_warn(
            "%s: %s map lookup problem for %s -- message not accepted, try again later",
            m->id, maps_title(maps), address);
        return msg_fail(m, CLEANUP_WRITE_ERROR, "");
    case TABLE_FOUND:
        break;
    }
    header_addrs_parse(m->arena, str_c(value), SIZE_MAX, &list);
    for (size_t i = 0; i < list.len; i++)
        if (list.items[i].address[0] != 0)
            rcpts_note_bcc(m, list.items[i].address);
    return true;
}
