// dns: look-ups through the C library's resolver, answers parsed by us within strict
// bounds.
#pragma once
#include "util/arena.h"
#include "util/error.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28
};

enum dns_result {
    DNS_FOUND,
    DNS_NO_HOST,   // NXDOMAIN
    DNS_NO_DATA,   // the name exists, not this type
    DNS_RETRY,     // time-out, SERVFAIL
    DNS_MALFORMED, // an answer that we do not believe; treat as temporary unless told
                   // otherwise
    DNS_NULL_MX,   // RFC 7505
    DNS_BAD_NAME,  // not a valid host name in question or answer
};

struct dns_record {
    enum dns_type type;
    const char *owner;
    const char *name;    // MX exchange, NS, CNAME, PTR target; TXT text
    const char *address; // A, AAAA: printable
    uint16_t preference; // MX
    uint32_t ttl;
};

struct dns_answer {
    struct dns_record *records;
    size_t len;
    bool authenticated; // AD bit
};

// One question; CNAMEs are followed (bounded). `err` says what Postfix says, such as "Host
// or domain name not found. Name service error for name=N type=MX: Host not found, try
// again".
enum dns_result dns_find(struct arena *arena, const char *name, enum dns_type type,
                         struct dns_answer *answer, struct error *err);

// The same with options.
enum dns_flags {
    DNS_LOCAL_DOMAIN = 1 << 0,   // append resolv.conf's domain to a name without dot
    DNS_SEARCH_PARENTS = 1 << 1, // try resolv.conf's search list
    DNS_DNSSEC = 1 << 2,         // ask for validation (`authenticated`)
};
enum dns_result dns_find_with(struct arena *arena, const char *name, enum dns_type type,
                              unsigned flags, struct dns_answer *answer, struct error *err);

// For tests: nameserver "addr:port" instead of resolv.conf's, also from RELAIS_DNS in the
// environment of an instance that runs unprivileged.
bool dns_set_server(const char *addr_port);

// Syntax of host names and address literals (RFC 1123 2.1, RFC 5321 4.1.3).
bool host_name_is_valid(struct str name);
bool host_ipv4_is_valid(struct str text);
bool host_ipv6_is_valid(struct str text);
