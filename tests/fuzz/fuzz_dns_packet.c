// fuzz_dns_packet: answers of name servers.
#include "dns/dns_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A,   DNS_AAAA, DNS_MX,    DNS_TXT,
                                          DNS_PTR, DNS_NS,   DNS_CNAME, DNS_SOA};
    static struct arena *arena;
    struct dns_answer answer;
    const char *alias;

    if (arena == NULL)
        arena = arena_new();
    if (size == 0)
        return 0;
    (void)dns_packet_parse(arena, str_n((const char *)data + 1, size - 1), "mx.example",
                           types[data[0] % COUNT(types)], &answer, &alias);
    (void)dns_packet_question(arena, str_n((const char *)data + 1, size - 1));
    arena_reset(arena);
    return 0;
}
