// rules_rbl: DNS block and allow lists, by client address or by domain.
#include "dns/dns.h"
#include "mail/address.h"
#include "smtpd/rules_judges.h"
#include "util/log.h"
#include "config/main_cf.h"
#include "util/text.h"
#include <arpa/inet.h>

#define OCTET_SPANS_MAX 64

// One octet of the pattern behind "domain=": any of these spans.
struct octet {
    struct {
        uint8_t low, high;
    } spans[OCTET_SPANS_MAX];
    size_t len;
};

struct rbl {
    const char *domain;
    bool has_pattern;
    struct octet octets[4];
};

// What was found out in this session, so that many recipients cost one look-up.
struct dns_cache {
    struct dns_cache *next;
    const char *query;
    enum dns_result result;
    struct dns_answer answer;
};

static bool parse_number(struct str text, uint8_t *value)
{
    uint64_t number;

    if (!str_to_u64(text, &number) || number > 255)
        return false;
    *value = (uint8_t)number;
    return true;
}

// "n" or "n..m".
static bool parse_span(struct str text, struct octet *o)
{
    size_t dots = 0;

    if (o->len == OCTET_SPANS_MAX)
        return false;
    while (dots + 1 < text.len && memcmp(text.ptr + dots, "..", 2) != 0)
        dots++;
    if (dots + 1 >= text.len) {
        if (!parse_number(text, &o->spans[o->len].low))
            return false;
        o->spans[o->len].high = o->spans[o->len].low;
    } else if (!parse_number(str_sub(text, 0, dots), &o->spans[o->len].low) ||
               !parse_number(str_from(text, dots + 2), &o->spans[o->len].high)) {
        return false;
    }
    return o->spans[o->len].low <= o->spans[o->len].high && ++o->len > 0;
}

static bool parse_octet(struct str *rest, bool is_last, struct octet *o)
{
    struct str piece, span;

    if (rest->len > 0 && rest->ptr[0] == '[') {
        size_t end = str_index(*rest, ']');

        if (end == SIZE_MAX)
            return false;
        piece = str_sub(*rest, 1, end - 1);
        *rest = str_from(*rest, end + 1);
    } else {
        size_t end = str_index(*rest, '.');

        piece = end == SIZE_MAX ? *rest : str_sub(*rest, 0, end);
        *rest = str_from(*rest, piece.len);
    }
    while (str_split(&piece, ';', &span))
        if (!parse_span(span, o))
            return false;
    if (is_last)
        return rest->len == 0;
    if (rest->len == 0 || rest->ptr[0] != '.')
        return false;
    *rest = str_from(*rest, 1);
    return true;
}

struct rbl *rbl_parse(struct arena *arena, const char *text)
{
    struct rbl *rbl = ARENA_NEW(arena, struct rbl);
    struct str rest = str_c(text);
    size_t at = str_index(rest, '=');

    rbl->has_pattern = at != SIZE_MAX;
    rbl->domain = arena_text(arena, rbl->has_pattern ? str_sub(rest, 0, at) : rest);
    if (rbl->domain[0] == '\0')
        return NULL;
    if (!rbl->has_pattern)
        return rbl;
    rest = str_from(rest, at + 1);
    for (size_t i = 0; i < 4; i++)
        if (!parse_octet(&rest, i == 3, &rbl->octets[i]))
            return NULL;
    return rbl;
}

static bool octet_has(const struct octet *o, uint8_t value)
{
    for (size_t i = 0; i < o->len; i++)
        if (value >= o->spans[i].low && value <= o->spans[i].high)
            return true;
    return false;
}

static bool is_listed(const struct rbl *rbl, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->len; i++) {
        uint8_t bytes[4];

        if (answer->records[i].address == NULL ||
            inet_pton(AF_INET, answer->records[i].address, bytes) != 1)
            continue;
        bool matches = true;

        for (size_t k = 0; rbl->has_pattern && k < 4; k++)
            matches = matches && octet_has(&rbl->octets[k], bytes[k]);
        if (matches)
            return true;
    }
    return false;
}

static const char *reversed_address(struct arena *arena, const char *addr)
{
    uint8_t bytes[16];
    const char *text = NULL;

    if (inet_pton(AF_INET, addr, bytes) == 1)
        return arena_printf(arena, "%u.%u.%u.%u", bytes[3], bytes[2], bytes[1], bytes[0]);
    if (inet_pton(AF_INET6, addr, bytes) != 1)
        return NULL;
    text = "";
    for (size_t i = 0; i < 16; i++) // RFC 3596 2.5
        text = arena_printf(arena, "%x.%x%s%s", bytes[i] & 15, bytes[i] >> 4, i == 0 ? "" : ".",
                            text);
    return text;
}

static struct dns_cache *ask(struct check *c, const char *query)
{
    struct session *s = c->s;
    struct dns_cache *entry;
    struct error err = {0};

    for (entry = s->rbl_cache; entry != NULL; entry = entry->next)
        if (strcmp(entry->query, query) == 0)
            return entry;
    entry = ARENA_NEW(s->arena, struct dns_cache);
    entry->query = arena_strdup(s->arena, query);
    entry->result = dns_find(s->arena, query, DNS_A, &entry->answer, &err);
    if (entry->result == DNS_RETRY || entry->result == DNS_MALFORMED)
        log_warn("%s: RBL lookup error: %s", query, err.text);
    entry->next = s->rbl_cache;
    s->rbl_cache = entry;
    return entry;
}

// What the rule looks up, in front of the list's domain; NULL when there is nothing to ask.
static const char *what_of(struct check *c, const struct rule *r)
{
    const struct session *s = c->s;
    enum subject subject = check_subject(c, r);
    const char *text = subject_text(c, subject);
    struct str local, domain;

    if (r->kind->how == HOW_RBL_ADDRESS)
        return reversed_address(s->msg_arena, s->peer.addr);
    if (subject == SUBJECT_CLIENT)
        text = s->peer.name;
    if (subject == SUBJECT_SENDER || subject == SUBJECT_RECIPIENT) {
        address_split(str_c(text), &local, &domain);
        text = arena_text(s->msg_arena, domain);
    }
    if (text[0] == '\0' || text[0] == '[' || strcmp(text, "unknown") == 0 ||
        !host_name_is_valid(str_c(text)))
        return NULL;
    return text;
}

static struct dns_cache *look_up(struct check *c, const struct rule *r)
{
    const char *what = what_of(c, r);

    return what == NULL
               ? NULL
               : ask(c, arena_printf(c->s->msg_arena, "%s.%s", what, r->rbl->domain));
}

struct template_values {
    struct check *c;
    const struct rule *r;
    enum subject subject;
    const char *what, *reason;
};

static const char *part_of(struct check *c, const char *address, bool want_domain)
{
    struct str local, domain;

    if (address == NULL)
        return "";
    address_split(str_c(address), &local, &domain);
    return arena_text(c->s->msg_arena, want_domain ? domain : local);
}

static const char *find_value(const char *name, void *ctx)
{
    const struct template_values *v = ctx;
    struct check *c = v->c;
    const struct session *s = c->s;
    const struct {
        const char *name, *value;
    } values[] = {
        {"client", s->peer.namaddr},
        {"client_address", s->peer.addr},
        {"client_name", s->peer.name},
        {"reverse_client_name", s->peer.reverse_name},
        {"helo_name", s->helo == NULL ? "" : s->helo},
        {"rbl_class", subject_class(v->subject)},
        {"rbl_code", arena_printf(s->msg_arena, "%ld", s->cfg->maps_rbl_reject_code)},
        {"rbl_domain", v->r->rbl->domain},
        {"rbl_reason", v->reason},
        {"rbl_txt", v->reason},
        {"rbl_what", v->what},
        {"recipient", c->recipient == NULL ? "" : c->recipient},
        {"recipient_domain", part_of(c, c->recipient, true)},
        {"recipient_name", part_of(c, c->recipient, false)},
        {"sender", c->sender == NULL ? "" : c->sender},
        {"sender_domain", part_of(c, c->sender, true)},
        {"sender_name", part_of(c, c->sender, false)},
    };

    for (size_t i = 0; i < COUNT(values); i++)
        if (strcmp(values[i].name, name) == 0)
            return values[i].value;
    return NULL;
}

static const char *reason_of(struct check *c, const char *query)
{
    struct dns_answer answer = {0};
    struct error err = {0};

    if (dns_find(c->s->msg_arena, query, DNS_TXT, &answer, &err) != DNS_FOUND || answer.len == 0 ||
        answer.records[0].name == NULL)
        return "";
    return answer.records[0].name;
}

static const char *template_of(struct check *c, const struct rule *r)
{
    const char *text = NULL;
    struct error err;

    if (c->s->server->rbl_reply_maps != NULL &&
        maps_find(c->s->server->rbl_reply_maps, c->s->msg_arena, r->rbl->domain, 0, &text, &err) ==
            TABLE_FOUND)
        return text;
    return c->s->cfg->default_rbl_reply;
}

// The template begins with the code; the status code 5.7.1 is ours unless it has its own.
static struct verdict reject_listed(struct check *c, const struct rule *r, const char *query)
{
    enum subject subject = check_subject(c, r);
    struct session *s = c->s;
    struct template_values values = {
        .c = c, .r = r, .subject = subject, .reason = reason_of(c, query)};
    const char *text;
    struct error err = {0};
    struct str rest, word;
    long code;

    values.what = r->kind->how == HOW_RBL_ADDRESS ? s->peer.addr
                  : subject == SUBJECT_CLIENT     ? s->peer.name
                                                  : subject_text(c, subject);
    if (!text_expand(s->msg_arena, template_of(c, r), false, find_value, &values, &text, &err) &&
        !text_expand(s->msg_arena, smtpd_default_rbl_reply, false, find_value, &values, &text, &err))
        return reject_config_error(c);
    rest = str_trim(str_c(text));
    if (!str_take(&rest, " \t", &word) || !str_to_long(word, &code) || code < 400 || code > 599) {
        log_warn("rbl response code configuration error: %s", text);
        return reject_with(c, subject, 450, "4.7.1", "Service unavailable");
    }
    const char *dsn = "5.7.1";
    struct str after = str_trim(rest), first = after;

    if (after.len > 5 && (after.ptr[0] == '4' || after.ptr[0] == '5') && after.ptr[1] == '.' &&
        str_take(&after, " \t", &first) && first.len < 10) {
        dsn = arena_text(s->msg_arena, first);
        rest = after;
    }
    return reject_with(c, subject, code, dsn, "%.*s", STR_FMT(str_trim(rest)));
}

JUDGE(judge_rbl)
{
    struct dns_cache *entry = look_up(c, r);

    if (entry == NULL || entry->result != DNS_FOUND || !is_listed(r->rbl, &entry->answer))
        return DUNNO; // a list that does not answer blocks nobody
    return reject_listed(c, r, entry->query);
}

JUDGE(judge_dnswl)
{
    struct dns_cache *entry = look_up(c, r);
    enum subject subject = check_subject(c, r);

    if (entry == NULL)
        return DUNNO;
    if (entry->result == DNS_RETRY || entry->result == DNS_MALFORMED)
        return defer_if_reject(c, subject, 450, "4.7.1", "<%s>: %s rejected: Service unavailable",
                               subject_text(c, subject), subject_class(subject));
    return entry->result == DNS_FOUND && is_listed(r->rbl, &entry->answer) ? PERMIT : DUNNO;
}
