// dns: look-ups through the C library's resolver, answers parsed by us within strict
// bounds.
#include "dns/dns.h"
#include "dns/dns_packet.h"
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>

enum { ANSWER_MAX = 65536, ALIAS_MAX = 10 };

// The C library keeps its state (servers, search list, time-outs) in a struct of the
// caller's; one for the process, made at the first question.
static struct {
    struct __res_state state;
    bool ready;
    bool has_server;
    struct sockaddr_in server;
    unsigned char *answer; // ANSWER_MAX bytes
} resolver;

static bool server_parse(const char *addr_port, struct sockaddr_in *server)
{
    struct str rest = str_c(addr_port), host, port;
    char addr[INET_ADDRSTRLEN];
    uint64_t number = 53;

    if (!str_split(&rest, ':', &host) || host.len >= sizeof addr)
        return false;
    if (str_split(&rest, ':', &port) && (!str_to_u64(port, &number) || number > 65535))
        return false;
    memcpy(addr, host.ptr, host.len);
    addr[host.len] = '\0';
    *server =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    return inet_pton(AF_INET, addr, &server->sin_addr) == 1;
}

bool dns_set_server(const char *addr_port)
{
    if (!server_parse(addr_port, &resolver.server))
        return false;
    resolver.has_server = true;
    resolver.ready = false;
    return true;
}

static bool resolver_ready(void)
{
    const char *server = getenv("RELAIS_DNS");

    if (resolver.ready)
        return true;
    if (!resolver.has_server && server != NULL && server[0] != '\0')
        resolver.has_server = server_parse(server, &resolver.server);
    if (resolver.answer != NULL)
        res_nclose(&resolver.state);
    memset(&resolver.state, 0, sizeof resolver.state);
    if (res_ninit(&resolver.state) != 0)
        return false;
    if (resolver.has_server) {
        resolver.state.nscount = 1;
        resolver.state.nsaddr_list[0] = resolver.server;
    }
    if (resolver.answer == NULL)
        resolver.answer = mem_alloc(ANSWER_MAX);
    resolver.ready = true;
    return true;
}

static const char *type_name(enum dns_type type)
{
    static const struct {
        enum dns_type type;
        const char *name;
    } names[] = {
        {DNS_A,     "A"    },
        {DNS_NS,    "NS"   },
        {DNS_CNAME, "CNAME"},
        {DNS_SOA,   "SOA"  },
        {DNS_PTR,   "PTR"  },
        {DNS_MX,    "MX"   },
        {DNS_TXT,   "TXT"  },
        {DNS_AAAA,  "AAAA" },
    };

    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].type == type)
            return names[i].name;
    return "unknown";
}

static enum dns_result fail(enum dns_result result, const char *name, enum dns_type type,
                            struct error *err)
{
    static const struct {
        bool temporary;
        const char *dsn, *reason;
    } reasons[] = {
        [DNS_NO_HOST] = {false, "5.4.4", "Host not found"                                 },
        [DNS_NO_DATA] = {false, "5.4.4", "Host found but no data record of requested type"},
        [DNS_RETRY] = {true,  "4.4.3", "Host not found, try again"                      },
        [DNS_MALFORMED] = {true,  "4.4.3", "Malformed or unexpected name server reply"      },
        [DNS_BAD_NAME] = {false, "5.4.4",
                         "Malformed domain name in resource data of a record"             },
    };

    if (result == DNS_FOUND)
        return result;
    if (result == DNS_NULL_MX) {
        (void)error_perm(err, "5.1.0", "Domain %s does not accept mail (nullMX)", name);
    } else if (result == DNS_MALFORMED) {
        (void)error_temp(err, "4.4.3", "Name service error for name=%s type=%s: %s", name,
                         type_name(type), reasons[result].reason);
    } else {
        bool (*fill)(struct error *, const char *, const char *, ...) =
            reasons[result].temporary ? error_temp : error_perm;

        (void)fill(
            err, reasons[result].dsn,
            "Host or domain name not found. Name service error for name=%s type=%s: %s",
            name, type_name(type), reasons[result].reason);
    }
    return result;
}

// One question on the wire; what the header says is told apart by the C library.
static enum dns_result ask(const char *name, enum dns_type type, unsigned flags,
                           struct str *packet)
{
    const unsigned long optional = RES_DNSRCH | RES_DEFNAMES | RES_USE_DNSSEC | RES_TRUSTAD;
    unsigned long options = RES_RECURSE;

    if (flags & DNS_SEARCH_PARENTS)
        options |= RES_DNSRCH;
    if (flags & DNS_LOCAL_DOMAIN)
        options |= RES_DEFNAMES;
    if (flags & DNS_DNSSEC)
        options |= RES_USE_DNSSEC | RES_TRUSTAD;
    resolver.state.options = (resolver.state.options & ~optional) | options;
    resolver.state.res_h_errno = 0;
    int len = flags & (DNS_SEARCH_PARENTS | DNS_LOCAL_DOMAIN)
                  ? res_nsearch(&resolver.state, name, C_IN, (int)type, resolver.answer,
                                ANSWER_MAX)
                  : res_nquery(&resolver.state, name, C_IN, (int)type, resolver.answer,
                               ANSWER_MAX);
    if (len >= 0) {
        *packet = str_n((const char *)resolver.answer, (size_t)len);
        return len > ANSWER_MAX ? DNS_MALFORMED : DNS_FOUND;
    }
    switch (resolver.state.res_h_errno) {
    case HOST_NOT_FOUND:
        return DNS_NO_HOST;
    case NO_DATA:
        return DNS_NO_DATA;
    case NO_RECOVERY: // refused, not implemented: never a reason to give mail back
        return DNS_MALFORMED;
    default:
        return DNS_RETRY;
    }
}

enum dns_result dns_find_with(struct arena *arena, const char *name, enum dns_type type,
                              unsigned flags, struct dns_answer *answer, struct error *err)
{
    const char *question = name;
    bool trusted = true;

    if (!host_name_is_valid(str_c(name))) {
        (void)error_perm(err, "5.4.4",
                         "Name service error for %s: invalid host or domain name", name);
        return DNS_BAD_NAME;
    }
    if (!resolver_ready()) {
        (void)error_temp(err, "4.4.3", "Name service initialization failure");
        return DNS_RETRY;
    }
    for (int hops = 0; hops <= ALIAS_MAX; hops++) {
        struct str packet;
        const char *alias;
        enum dns_result result = ask(question, type, flags, &packet);

        if (result != DNS_FOUND)
            return fail(result, name, type, err);
        // With a search list the resolver chose the full name: it stands in the question.
        if (flags & (DNS_SEARCH_PARENTS | DNS_LOCAL_DOMAIN))
            question = dns_packet_question(arena, packet);
        result = dns_packet_parse(arena, packet, question, type, answer, &alias);
        if (result == DNS_FOUND)
            answer->authenticated = answer->authenticated && trusted;
        if (result != DNS_NO_DATA || alias == NULL)
            return fail(result, name, type, err);
        trusted = trusted && (packet.ptr[3] & 0x20);
        question = alias;
        flags &= DNS_DNSSEC;
    }
    (void)error_temp(err, "4.4.3", "Name server loop for %s", name);
    return DNS_MALFORMED;
}

enum dns_result dns_find(struct arena *arena, const char *name, enum dns_type type,
                         struct dns_answer *answer, struct error *err)
{
    return dns_find_with(arena, name, type, 0, answer, err);
}
