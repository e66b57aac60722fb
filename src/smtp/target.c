// target: the text of a next hop ("[host]:port", "domain", "unix:path") as typed values.
#include "smtp/target.h"
#include "dns/dns.h"
#include "util/text.h"
#include <idn2.h>
#include <netdb.h>

// "smtps=submissions=465": every name but the last word is an alias of the number.
static bool known_port(struct str rest, struct str name, struct str *number)
{
    struct str item;

    while (str_take(&rest, ", \t\r\n", &item)) {
        size_t last = str_rindex(item, '=');
        struct str names = str_sub(item, 0, last), word;

        while (last != SIZE_MAX && str_split(&names, '=', &word))
            if (str_equal_nocase(word, name)) {
                *number = str_from(item, last + 1);
                return true;
            }
    }
    return false;
}

static bool port_parse(struct arena *arena, struct str text, const char *known_ports,
                       uint16_t *port)
{
    uint64_t number;
    struct str digits = text;

    (void)known_port(str_c(known_ports), text, &digits);
    if (str_to_u64(digits, &number)) {
        *port = (uint16_t)number;
        return number > 0 && number <= 65535;
    }
    struct servent *service = getservbyname(arena_text(arena, text), "tcp");
    if (service == NULL)
        return false;
    *port = (uint16_t)((unsigned)(service->s_port & 0xff) << 8 |
                       (unsigned)service->s_port >> 8);
    return true;
}

// Splits "host:port", "[host]:port", "[host]", "host"; an IPv6 address has to be in
// brackets.
static bool split(struct str text, struct str *host, struct str *port, bool *brackets)
{
    *port = str_n(NULL, 0);
    *brackets = str_starts(text, "[");
    size_t end = *brackets ? str_index(text, ']') : str_index(text, ':');

    *host = end == SIZE_MAX ? text : str_sub(text, 0, end);
    if (*brackets) {
        if (end == SIZE_MAX)
            return false;
        *host = str_sub(text, 1, end - 1);
        text = str_from(text, end + 1);
        end = 0;
        if (text.len == 0)
            return true;
        if (text.ptr[0] != ':')
            return false;
    }
    if (end != SIZE_MAX)
        *port = str_from(text, end + 1);
    return port->ptr == NULL || port->len > 0;
}

// RFC 5321 4.1.3; Postfix also takes a bare IPv6 address in brackets.
static bool literal_parse(struct arena *arena, struct str host, const char **address)
{
    struct str v6 = str_starts_nocase(host, "ipv6:") ? str_from(host, 5) : host;

    if (!host_ipv4_is_valid(host) && !host_ipv6_is_valid(v6))
        return false;
    *address = arena_text(arena, host_ipv4_is_valid(host) ? host : v6);
    return true;
}

// The name as DNS wants it (RFC 5890); ASCII names stay as they are.
static bool ascii_host(struct arena *arena, struct str host, const char **name)
{
    const char *text = arena_text(arena, host);
    char *ascii = NULL;

    *name = text;
    if (str_is_ascii(host))
        return true;
    if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    *name = arena_strdup(arena, ascii);
    idn2_free(ascii);
    return true;
}

bool target_parse(struct arena *arena, const char *text, bool lmtp,
                  const char *default_port, const char *known_ports, struct target *target,
                  struct error *err)
{
    struct target t = {.text = text};
    struct str rest = str_c(text), host, port;
    bool brackets;

    if (str_starts(rest, "unix:")) {
        t.kind = TARGET_UNIX;
        t.host = arena_text(arena, str_from(rest, 5));
        *target = t;
        return t.host[0] != '\0' || error_config(err, "null destination: \"%s\"", text);
    }
    if (str_starts(rest, "inet:")) {
        rest = str_from(rest, 5);
        t.text = arena_text(arena, rest);
    }
    if (rest.len == 0 || !str_is_text(rest))
        return error_config(err, "null destination: \"%s\"", text);
    if (!split(rest, &host, &port, &brackets) || host.len == 0)
        return error_perm(err, "5.4.4", "malformed network destination: %s", text);
    if (port.ptr == NULL)
        port = str_c(default_port);
    if (!port_parse(arena, port, known_ports, &t.port))
        return error_config(err, "bad network port: %.*s for destination: %s",
                            STR_FMT(port), text);
    if (brackets && literal_parse(arena, host, &t.host)) {
        t.kind = TARGET_ADDRESS;
    } else {
        t.kind = brackets || lmtp ? TARGET_HOST : TARGET_DOMAIN;
        if (!ascii_host(arena, host, &t.host))
            return error_perm(err, "5.4.4", "malformed domain name: %.*s", STR_FMT(host));
    }
    *target = t;
    return true;
}
