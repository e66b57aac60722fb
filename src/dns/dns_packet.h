// dns_packet: answers of name servers, taken apart within strict bounds.
#pragma once
#include "dns/dns.h"

// Reads the answer to the question (`name`, `type`). CNAMEs inside the packet are followed.
// When the packet ends in an alias without the wanted records, DNS_NO_DATA is returned and
// `*alias` is where to ask next; otherwise `*alias` is NULL. `answer` is filled on
// DNS_FOUND only.
enum dns_result dns_packet_parse(struct arena *arena, struct str packet, const char *name,
                                 enum dns_type type, struct dns_answer *answer,
                                 const char **alias);

// The name that was asked for; "" when there is none to read.
const char *dns_packet_question(struct arena *arena, struct str packet);
