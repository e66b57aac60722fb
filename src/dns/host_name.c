// host_name: syntax of host names and IP addresses (RFC 1123 2.1, RFC 5321 4.1.3).
#include "dns/dns.h"
#include "util/text.h"
#include <arpa/inet.h>

enum { HOST_MAX = 255, LABEL_MAX = 63 };

// Letters, digits, '-' and '_' (which real names have); labels neither empty, nor too long,
// nor with a hyphen at an end; not digits only, which would be taken for an address.
bool host_name_is_valid(struct str name)
{
    bool numeric = true;
    size_t label = 0;

    if (name.len == 0 || name.len > HOST_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '.') {
            if (label == 0 || label > LABEL_MAX || name.ptr[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!ascii_is_alnum(c) && c != '_' && (c != '-' || label == 0))
            return false;
        if (!ascii_is_digit(c))
            numeric = false;
        label++;
    }
    return !numeric && label > 0 && label <= LABEL_MAX && name.ptr[name.len - 1] != '-';
}

static bool address_is_valid(int family, struct str text)
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char address[16];

    if (text.len == 0 || text.len >= sizeof copy || !str_is_text(text))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, address) == 1;
}

bool host_ipv4_is_valid(struct str text)
{
    return address_is_valid(AF_INET, text);
}

bool host_ipv6_is_valid(struct str text)
{
    return address_is_valid(AF_INET6, text);
}
