// context: what a process has ready for every request: typed parameters, open tables.
#include "smtp/context.h"
#include "dns/dns.h"
#include "mail/own_addr.h"
#include "mail/postmaster_notice.h"
#include "smtp/pool.h"
#include "util/log.h"

struct word {
    const char *name;
    unsigned value;
};

static const struct word features[] = {
    {"pipelining",          FEATURE_PIPELINING},
    {"8bitmime",            FEATURE_8BITMIME  },
    {"size",                FEATURE_SIZE      },
    {"dsn",                 FEATURE_DSN       },
    {"smtputf8",            FEATURE_SMTPUTF8  },
    {"starttls",            FEATURE_STARTTLS  },
    {"auth",                FEATURE_AUTH      },
    {"xforward",            FEATURE_XFORWARD  },
    {"silent-discard",      FEATURE_SILENT    },
    {"enhancedstatuscodes", FEATURE_ENHANCED  },
    {"chunking",            FEATURE_CHUNKING  },
    {"xclient",             FEATURE_XCLIENT   },
    {"verify",              FEATURE_VRFY      },
    {"vrfy",                FEATURE_VRFY      },
    {"etrn",                FEATURE_ETRN      },
    {"requiretls",          FEATURE_REQUIRETLS},
    {NULL,                  0                 },
};

static const struct word pix_words[] = {
    {"disable_esmtp", PIX_DISABLE_ESMTP},
    {"delay_dotcrlf", PIX_DELAY_DOTCRLF},
    {NULL,            0                },
};

static const struct word dns_options[] = {
    {"res_defnames", DNS_LOCAL_DOMAIN  },
    {"res_dnsrch",   DNS_SEARCH_PARENTS},
    {NULL,           0                 },
};

static const struct word preferences[] = {
    {"any",  FAMILY_ANY },
    {"ipv4", FAMILY_IPV4},
    {"ipv6", FAMILY_IPV6},
    {NULL,   0          },
};

enum lookup { LOOKUP_DNS = 1, LOOKUP_NATIVE = 2 };
static const struct word lookups[] = {
    {"dns",    LOOKUP_DNS   },
    {"native", LOOKUP_NATIVE},
    {NULL,     0            },
};

enum support { DNS_SUPPORT_DEFAULT, DNS_SUPPORT_OFF, DNS_SUPPORT_ON, DNS_SUPPORT_SEC };
static const struct word supports[] = {
    {"disabled", DNS_SUPPORT_OFF},
    {"enabled",  DNS_SUPPORT_ON },
    {"dnssec",   DNS_SUPPORT_SEC},
    {NULL,       0              },
};

enum protocol { PROTOCOL_IPV4 = 1, PROTOCOL_IPV6 = 2 };
static const struct word protocols[] = {
    {"all",  PROTOCOL_IPV4 | PROTOCOL_IPV6},
    {"ipv4", PROTOCOL_IPV4                },
    {"ipv6", PROTOCOL_IPV6                },
    {NULL,   0                            },
};

enum tls_level { TLS_NONE = 1, TLS_MAY, TLS_REQUIRED };
static const struct word tls_levels[] = {
    {"none",        TLS_NONE    },
    {"may",         TLS_MAY     },
    {"encrypt",     TLS_REQUIRED},
    {"fingerprint", TLS_REQUIRED},
    {"dane",        TLS_REQUIRED},
    {"dane-only",   TLS_REQUIRED},
    {"verify",      TLS_REQUIRED},
    {"secure",      TLS_REQUIRED},
    {NULL,          0           },
};

static const struct word verify_targets[] = {
    {"rcpt", 1},
    {"data", 2},
    {NULL,   0},
};

static const struct word *word_find(const struct word *words, struct str name)
{
    for (; words->name != NULL; words++)
        if (str_is_nocase(name, words->name))
            return words;
    return NULL;
}

// The union of a list's words; what is unknown fails.
static bool flags_parse(const char *title, const char *text, const struct word *words,
                        unsigned *flags, struct error *err)
{
    struct str rest = str_c(text), item;

    *flags = 0;
    while (str_take(&rest, ", \t\r\n", &item)) {
        const struct word *word = word_find(words, item);

        if (word == NULL)
            return error_config(err, "bad parameter %s value: \"%s\"", title, text);
        *flags |= word->value;
    }
    return true;
}

static unsigned lenient_parse(const char *origin, const char *text,
                              const struct word *words)
{
    struct str rest = str_c(text), item;
    unsigned flags = 0;

    while (str_take(&rest, ", \t\r\n", &item)) {
        const struct word *word = word_find(words, item);

        if (word == NULL)
            log_warn("%s: unknown keyword \"%.*s\"", origin, STR_FMT(item));
        else
            flags |= word->value;
    }
    return flags;
}

unsigned features_parse(const char *origin, const char *text)
{
    return lenient_parse(origin, text, features);
}

unsigned pix_parse(const char *origin, const char *text)
{
    return lenient_parse(origin, text, pix_words);
}

static bool choice_parse(const char *title, const char *text, const struct word *words,
                         unsigned *value, struct error *err)
{
    const struct word *word = word_find(words, str_trim(str_c(text)));

    if (word == NULL)
        return error_config(err, "bad parameter %s value: \"%s\"", title, text);
    *value = word->value;
    return true;
}

static bool dns_init(struct smtp_context *c, struct error *err)
{
    const struct smtp_config *cfg = c->cfg;
    unsigned protocol, lookup, support = DNS_SUPPORT_DEFAULT, preference;

    if (!flags_parse("inet_protocols", c->mail->inet_protocols, protocols, &protocol,
                     err) ||
        !flags_parse("smtp_host_lookup", cfg->host_lookup, lookups, &lookup, err) ||
        !flags_parse("smtp_dns_resolver_options", cfg->dns_resolver_options, dns_options,
                     &c->dns_flags, err) ||
        !choice_parse("smtp_address_preference", cfg->address_preference, preferences,
                      &preference, err))
        return false;
    if (cfg->dns_support_level[0] != '\0' &&
        !choice_parse("smtp_dns_support_level", cfg->dns_support_level, supports, &support,
                      err))
        return false;
    c->use_ipv4 = protocol & PROTOCOL_IPV4;
    c->use_ipv6 = protocol & PROTOCOL_IPV6;
    c->preference = preference;
    c->lookup_dns = (lookup & LOOKUP_DNS) && support != DNS_SUPPORT_OFF;
    c->lookup_native = (lookup & LOOKUP_NATIVE) || support == DNS_SUPPORT_OFF;
    c->dnssec = support == DNS_SUPPORT_SEC;
    if (c->dnssec)
        c->dns_flags |= DNS_DNSSEC;
    return true;
}

// TLS is not there so far. What only would like it goes on in the clear, as it would with a
// peer that has none; what insists on it must never leave in the clear.
static bool tls_init(struct smtp_context *c, struct error *err)
{
    const struct smtp_config *cfg = c->cfg;
    unsigned level = cfg->enforce_tls ? TLS_REQUIRED : cfg->use_tls ? TLS_MAY : TLS_NONE;

    if (cfg->tls_security_level[0] != '\0' &&
        !choice_parse("smtp_tls_security_level", cfg->tls_security_level, tls_levels,
                      &level, err))
        return false;
    c->tls_wanted = level == TLS_MAY;
    c->tls_required = level == TLS_REQUIRED || cfg->tls_wrappermode;
    if (c->tls_wanted)
        log_warn("TLS has been selected, but TLS support is not compiled in");
    if (cfg->sasl_auth_enable)
        log_warn(
            "SASL authentication has been selected, but SASL support is not compiled in");
    return true;
}

static bool tables_init(struct smtp_context *c, struct error *err)
{
    const struct smtp_config *cfg = c->cfg;
    const struct {
        struct maps **maps;
        const char *title, *text;
        unsigned flags;
    } rows[] = {
        {&c->ehlo_discard_maps,    "smtp_discard_ehlo_keyword_address_maps",
         cfg->discard_ehlo_keyword_address_maps,                                                        0             },
        {&c->pix_maps,             "smtp_pix_workaround_maps",               cfg->pix_workaround_maps,  0             },
        {&c->reply_filter,         "smtp_reply_filter",                      cfg->reply_filter,         0             },
        {&c->generic,              "smtp_generic_maps",                      cfg->generic_maps,         TABLE_FOLD_KEY},
        {&c->tls_policy,           "smtp_tls_policy_maps",                   cfg->tls_policy_maps,      TABLE_FOLD_KEY},
        {&c->tls_per_site,         "smtp_tls_per_site",                      cfg->tls_per_site,         TABLE_FOLD_KEY},
        {&c->header_checks,        "smtp_header_checks",                     cfg->header_checks,        0             },
        {&c->mime_header_checks,   "smtp_mime_header_checks",                cfg->mime_header_checks,   0             },
        {&c->nested_header_checks, "smtp_nested_header_checks",              cfg->nested_header_checks,
         0                                                                                                            },
        {&c->body_checks,          "smtp_body_checks",                       cfg->body_checks,          0             },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].text[0] == '\0')
            continue; // NULL: nothing to ask
        *rows[i].maps = maps_open(rows[i].title, rows[i].text, rows[i].flags, err);
        if (*rows[i].maps == NULL)
            return false;
    }
    if (cfg->connection_cache_destinations[0] == '\0')
        return true;
    c->cache_destinations =
        match_list_open("smtp_connection_cache_destinations",
                        cfg->connection_cache_destinations, MATCH_STRING, false, err);
    return c->cache_destinations != NULL;
}

// "flags=DORX" is all that master.cf may say.
static bool args_init(struct smtp_context *c, const struct text_list *args,
                      struct error *err)
{
    static const char letters[] = "DORX";

    for (size_t i = 0; i < args->len; i++) {
        struct str arg = str_c(args->items[i]);

        if (!str_starts(arg, "flags="))
            return error_config(err, "unexpected command-line argument: %s",
                                args->items[i]);
        arg = str_from(arg, 6);
        for (size_t k = 0; k < arg.len; k++) {
            const char *letter = strchr(letters, arg.ptr[k]);

            if (arg.ptr[k] == ' ' || arg.ptr[k] == ',')
                continue;
            if (letter == NULL)
                return error_config(err, "unknown flag in \"%s\"", args->items[i]);
            c->prepend |= 1u << (letter - letters);
        }
    }
    return true;
}

bool smtp_context_init(struct smtp_context *c, const struct text_list *args,
                       struct error *err)
{
    unsigned verify;

    c->ehlo_verb = c->lmtp ? "LHLO" : "EHLO";
    if (!args_init(c, args, err) || !dns_init(c, err) || !tls_init(c, err) ||
        !tables_init(c, err))
        return false;
    if (!choice_parse("smtp_address_verify_target", c->cfg->address_verify_target,
                      verify_targets, &verify, err))
        return false;
    c->verify_by_data = verify == 2;
    c->discard_features =
        features_parse("smtp_discard_ehlo_keywords", c->cfg->discard_ehlo_keywords);
    c->pix = pix_parse("smtp_pix_workarounds", c->cfg->pix_workarounds);
    struct str rest = str_c(c->mail->propagate_unmatched_extensions), item;
    while (str_take(&rest, ", \t\r\n", &item))
        c->generic_extension = c->generic_extension || str_is_nocase(item, "generic");
    c->notify_protocol = postmaster_wants(c->mail, "protocol");
    c->own = own_addr_open(c->mail);
    c->pool = session_pool_new();
    return true;
}
