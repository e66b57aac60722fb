// network: IP addresses and "network/prefix" patterns, as cidr tables and mynetworks use
// them.
#include "table/network.h"
#include <arpa/inet.h>
#include <stdio.h>

static unsigned bits_of(int family)
{
    return family == AF_INET ? 32 : 128;
}

static bool parse_plain(struct str text, struct network *net)
{
    char copy[INET6_ADDRSTRLEN + 1];

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    memset(net, 0, sizeof(*net));
    net->family = str_has_char(text, ':') ? AF_INET6 : AF_INET;
    net->prefix = bits_of(net->family);
    return inet_pton(net->family, copy, net->bytes) == 1;
}

bool network_parse_address(struct str text, struct network *address)
{
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = str_sub(text, 1, text.len - 2);
    return parse_plain(text, address);
}

static void clear_host_bits(struct network *net)
{
    for (unsigned bit = net->prefix; bit < bits_of(net->family); bit++)
        net->bytes[bit / 8] &= (unsigned char)~(0x80u >> (bit % 8));
}

static bool no_host_bits(struct str text, const struct network *net, struct error *err)
{
    struct network clean = *net;
    char shown[INET6_ADDRSTRLEN];

    clear_host_bits(&clean);
    if (memcmp(clean.bytes, net->bytes, sizeof(clean.bytes)) == 0)
        return true;
    inet_ntop(clean.family, clean.bytes, shown, sizeof(shown));
    return error_config(err,
                        "non-null host address bits in \"%.*s\", perhaps you should use "
                        "\"%s/%u\" instead",
                        STR_FMT(text), shown, clean.prefix);
}

// "[net]/len" and "[net/len]" -> "net" and "len"; without a prefix len.ptr is NULL.
static bool take_apart(struct str text, struct str *net, struct str *len, struct error *err)
{
    struct str rest = text;
    size_t slash;

    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = str_index(text, ']');

        if (close == SIZE_MAX)
            return error_config(err, "missing ']' character after \"%.*s\"", STR_FMT(text));
        *net = str_sub(text, 1, close - 1);
        rest = str_from(text, close + 1);
        *len = str_n(NULL, 0);
        if (rest.len > 0 && rest.ptr[0] != '/')
            return error_config(err, "bad address pattern: \"%.*s\"", STR_FMT(text));
        if (rest.len > 0) {
            *len = str_from(rest, 1);
            return true;
        }
        rest = *net;
    }
    slash = str_index(rest, '/');
    *net = slash == SIZE_MAX ? rest : str_sub(rest, 0, slash);
    *len = slash == SIZE_MAX ? str_n(NULL, 0) : str_from(rest, slash + 1);
    return true;
}

bool network_parse(struct str text, struct network *net, struct error *err)
{
    struct str address, len;
    struct network result;
    uint64_t prefix;

    if (!take_apart(text, &address, &len, err))
        return false;
    if (len.ptr != NULL && !str_to_u64(len, &prefix))
        return error_config(err, "bad mask value in \"%.*s\"", STR_FMT(text));
    if (!parse_plain(address, &result))
        return error_config(err,
                            len.ptr != NULL ? "bad network value in \"%.*s\""
                                            : "bad address pattern: \"%.*s\"",
                            STR_FMT(text));
    if (len.ptr != NULL) {
        if (prefix > bits_of(result.family))
            return error_config(err, "bad mask length in \"%.*s\"", STR_FMT(text));
        result.prefix = (unsigned)prefix;
    }
    if (!no_host_bits(text, &result, err))
        return false;
    *net = result;
    return true;
}

bool network_has(const struct network *net, const struct network *address)
{
    unsigned whole = net->prefix / 8, rest = net->prefix % 8;

    if (net->family != address->family || memcmp(net->bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((net->bytes[whole] ^ address->bytes[whole]) &
                         (unsigned char)(0xff00u >> rest)) == 0;
}
