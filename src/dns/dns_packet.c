// dns_packet: answers of name servers, taken apart within strict bounds.
#include "dns/dns_packet.h"
#include "util/buf.h"
#include "util/text.h"
#include <arpa/inet.h>

enum {
    HEADER_SIZE = 12,
    NAME_MAX_WIRE = 255, // RFC 1035 2.3.4
    LABEL_MAX = 63,
    RECORDS_MAX = 100, // of the wanted type; more are dropped
    ALIAS_MAX = 10,
    TEXT_MAX = 4096,
    CLASS_IN = 1,
    RCODE_NXDOMAIN = 3,
};

// A cursor with a sticky error: read many fields, look at `bad` once.
struct wire {
    const unsigned char *data;
    size_t len, pos;
    bool bad;
};

struct raw_record {
    char owner[NAME_MAX_WIRE + 1];
    unsigned type, class;
    uint32_t ttl;
    size_t start, len; // of the data
};

static unsigned wire_u8(struct wire *w)
{
    if (w->pos >= w->len) {
        w->bad = true;
        return 0;
    }
    return w->data[w->pos++];
}

static unsigned wire_u16(struct wire *w)
{
    unsigned high = wire_u8(w);

    return high << 8 | wire_u8(w);
}

static uint32_t wire_u32(struct wire *w)
{
    uint32_t high = wire_u16(w);

    return high << 16 | wire_u16(w);
}

// What stands between the dots of a printable name: bytes that could be mistaken for
// something else make the name unusable, but not the packet.
static char printable_byte(unsigned byte)
{
    return byte <= ' ' || byte >= 0x7f || byte == '.' || byte == '\\' ? '?' : (char)byte;
}

// A possibly compressed name (RFC 1035 4.1.4). A pointer has to go to before the place
// where the present run of labels began, so that there can be no loop. The root name is "".
static void wire_name(struct wire *w, char name[NAME_MAX_WIRE + 1])
{
    size_t pos = w->pos, run_start = w->pos, used = 0;
    bool jumped = false;

    name[0] = '\0';
    while (!w->bad) {
        unsigned len = pos < w->len ? w->data[pos] : 0xff;

        if ((len & 0xc0) == 0xc0 && pos + 1 < w->len) {
            size_t target = (size_t)(len & 0x3f) << 8 | w->data[pos + 1];

            if (!jumped)
                w->pos = pos + 2;
            jumped = true;
            w->bad = target >= run_start || target < HEADER_SIZE;
            pos = run_start = target;
            continue;
        }
        if (len > LABEL_MAX || pos + 1 + len > w->len || used + len + 1 > NAME_MAX_WIRE) {
            w->bad = true;
            break;
        }
        pos++;
        if (len == 0)
            break;
        if (used > 0)
            name[used++] = '.';
        for (unsigned i = 0; i < len; i++)
            name[used++] = printable_byte(w->data[pos + i]);
        name[used] = '\0';
        pos += len;
    }
    if (!jumped)
        w->pos = pos;
    if (w->bad)
        name[0] = '\0';
}

static bool wire_record(struct wire *w, struct raw_record *r)
{
    wire_name(w, r->owner);
    r->type = wire_u16(w);
    r->class = wire_u16(w);
    r->ttl = wire_u32(w);
    r->len = wire_u16(w);
    r->start = w->pos;
    if (w->bad || r->len > w->len - w->pos) {
        w->bad = true;
        return false;
    }
    w->pos += r->len;
    if (r->ttl > INT32_MAX)
        r->ttl = 0; // RFC 2181 8
    return true;
}

// A name that has to fill the rest of the record's data, from `skip` bytes on.
static bool data_name(const struct wire *packet, const struct raw_record *r, size_t skip,
                      char name[NAME_MAX_WIRE + 1])
{
    struct wire w = {packet->data, r->start + r->len, r->start + skip, skip > r->len};

    if (w.bad)
        return false;
    wire_name(&w, name);
    return !w.bad && w.pos == w.len;
}

static bool data_address(struct arena *arena, const struct wire *packet,
                         const struct raw_record *r, struct dns_record *rec)
{
    char text[INET6_ADDRSTRLEN];
    int family = r->type == DNS_A ? AF_INET : AF_INET6;

    if (r->len != (family == AF_INET ? 4 : 16))
        return false;
    if (inet_ntop(family, packet->data + r->start, text, sizeof text) == NULL)
        return false;
    rec->address = arena_strdup(arena, text);
    return true;
}

// The strings of a TXT record (RFC 1035 3.3.14) joined; NUL and line breaks become '?'.
static bool data_text(struct arena *arena, const struct wire *packet,
                      const struct raw_record *r, struct dns_record *rec)
{
    struct wire w = {packet->data, r->start + r->len, r->start, false};
    char *text = arena_alloc(arena, r->len + 1);
    size_t used = 0;

    while (w.pos < w.len) {
        unsigned len = wire_u8(&w);

        for (; len > 0 && !w.bad; len--) {
            unsigned byte = wire_u8(&w);
            if (!w.bad)
                text[used++] =
                    (byte < ' ' && byte != '\t') || byte == 0x7f ? '?' : (char)byte;
        }
    }
    if (w.bad)
        return false;
    text[used < TEXT_MAX ? used : TEXT_MAX] = '\0';
    rec->name = text;
    return true;
}

// Fills `rec` from the data of one wanted record; false when the packet cannot be believed.
static bool record_data(struct arena *arena, const struct wire *packet,
                        const struct raw_record *r, struct dns_record *rec)
{
    char name[NAME_MAX_WIRE + 1];

    switch (rec->type) {
    case DNS_A:
    case DNS_AAAA:
        return data_address(arena, packet, r, rec);
    case DNS_TXT:
        return data_text(arena, packet, r, rec);
    case DNS_MX:
        if (r->len < 3 || !data_name(packet, r, 2, name))
            return false;
        rec->preference =
            (uint16_t)(packet->data[r->start] << 8 | packet->data[r->start + 1]);
        break;
    case DNS_NS:
    case DNS_CNAME:
    case DNS_PTR:
        if (!data_name(packet, r, 0, name))
            return false;
        break;
    case DNS_SOA: { // the primary server's name, then more
        struct wire w = {packet->data, r->start + r->len, r->start, false};

        wire_name(&w, name);
        if (w.bad)
            return false;
        break;
    }
    }
    rec->name = arena_strdup(arena, name);
    return true;
}

static bool needs_host_name(enum dns_type type)
{
    return type == DNS_MX || type == DNS_NS || type == DNS_PTR;
}

// Drops records whose target is no host name; a lone "." of MX says RFC 7505.
static enum dns_result check_targets(struct dns_answer *answer, enum dns_type type)
{
    size_t kept = 0;

    if (answer->len == 0)
        return DNS_NO_DATA;
    if (!needs_host_name(type))
        return DNS_FOUND;
    if (type == DNS_MX && answer->len == 1 && answer->records[0].name[0] == '\0')
        return DNS_NULL_MX;
    for (size_t i = 0; i < answer->len; i++)
        // A numeric MX target is a common mistake; whether it is honoured is the caller's
        // call.
        if (host_name_is_valid(str_c(answer->records[i].name)) ||
            (type == DNS_MX && host_ipv4_is_valid(str_c(answer->records[i].name))))
            answer->records[kept++] = answer->records[i];
    answer->len = kept;
    return kept > 0 ? DNS_FOUND : DNS_BAD_NAME;
}

// Reads the answer section. `want` changes as aliases are followed; whether records stand
// before or after their alias does not matter, since sections are read again from the
// start.
static bool collect(struct arena *arena, struct wire *w, unsigned count, const char *want,
                    enum dns_type type, struct dns_answer *answer,
                    char alias[NAME_MAX_WIRE + 1])
{
    size_t max = count < RECORDS_MAX ? count : RECORDS_MAX;

    answer->records = arena_array(arena, max + 1, sizeof *answer->records);
    answer->len = 0;
    alias[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        struct raw_record r;

        if (!wire_record(w, &r))
            return false;
        if (r.class != CLASS_IN || !str_is_nocase(str_c(r.owner), want))
            continue;
        if (r.type == (unsigned)type && answer->len < max) {
            struct dns_record *rec = &answer->records[answer->len++];

            *rec = (struct dns_record){.type = type, .ttl = r.ttl};
            rec->owner = arena_strdup(arena, r.owner);
            if (!record_data(arena, w, &r, rec))
                return false;
        } else if (r.type == DNS_CNAME && alias[0] == '\0' && !data_name(w, &r, 0, alias)) {
            return false;
        }
    }
    return true;
}

const char *dns_packet_question(struct arena *arena, struct str packet)
{
    struct wire w = {(const unsigned char *)packet.ptr, packet.len, HEADER_SIZE,
                     packet.len < HEADER_SIZE};
    char name[NAME_MAX_WIRE + 1];

    wire_name(&w, name);
    return arena_strdup(arena, name);
}

enum dns_result dns_packet_parse(struct arena *arena, struct str packet, const char *name,
                                 enum dns_type type, struct dns_answer *answer,
                                 const char **alias)
{
    struct wire w = {(const unsigned char *)packet.ptr, packet.len, 0, false};
    struct dns_answer found = {0};
    const char *want = name;

    *alias = NULL;
    wire_u16(&w);
    unsigned flags = wire_u16(&w), questions = wire_u16(&w), answers = wire_u16(&w);
    w.pos = HEADER_SIZE;
    if (w.bad || packet.len < HEADER_SIZE || !(flags & 0x8000) || questions > 1)
        return DNS_MALFORMED;
    for (; questions > 0; questions--) {
        char question[NAME_MAX_WIRE + 1];

        wire_name(&w, question);
        wire_u32(&w);
        if (w.bad || w.pos > w.len)
            return DNS_MALFORMED;
    }
    found.authenticated = flags & 0x20;
    for (int hops = 0;; hops++) {
        struct wire section = w;
        char target[NAME_MAX_WIRE + 1];

        if (hops > ALIAS_MAX)
            return DNS_MALFORMED;
        if (!collect(arena, &section, answers, want, type, &found, target))
            return DNS_MALFORMED;
        if (found.len > 0 || target[0] == '\0')
            break;
        if (!host_name_is_valid(str_c(target)))
            return DNS_BAD_NAME;
        want = arena_strdup(arena, target);
    }
    enum dns_result result = check_targets(&found, type);
    if (result == DNS_FOUND)
        *answer = found;
    else if (result == DNS_NO_DATA && (flags & 0xf) == RCODE_NXDOMAIN)
        result = DNS_NO_HOST;
    else if (result == DNS_NO_DATA && want != name)
        *alias = want;
    return result;
}
