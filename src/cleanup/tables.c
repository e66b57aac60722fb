// tables: what cleanup(8) looks things up in, opened once for the process.
#include "cleanup/tables.h"
#include "util/text.h"
#include <stdlib.h>

static const struct {
    const char *name;
    unsigned bit;
} class_names[] = {
    {"envelope_sender",    CLASS_ENVELOPE_SENDER},
    {"envelope_recipient", CLASS_ENVELOPE_RCPT  },
    {"header_sender",      CLASS_HEADER_SENDER  },
    {"header_recipient",   CLASS_HEADER_RCPT    },
};

bool address_classes_parse(const char *name, const char *text, unsigned *classes,
                           struct error *err)
{
    struct str rest = str_c(text), word;
    unsigned found = 0;

    while (str_take(&rest, ", \t\r\n", &word)) {
        size_t i = 0;

        while (i < COUNT(class_names) && !str_is_nocase(word, class_names[i].name))
            i++;
        if (i == COUNT(class_names))
            return error_config(err, "unknown %s value \"%.*s\" in \"%s\"", name,
                                STR_FMT(word), text);
        found |= class_names[i].bit;
    }
    *classes = found;
    return true;
}

// One character or escape at the start of `*s`.
static bool take_byte(struct str *s, unsigned char *byte)
{
    static const char escapes[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    char c = s->ptr[0];

    *s = str_from(*s, 1);
    if (c != '\\') {
        *byte = (unsigned char)c;
        return true;
    }
    if (s->len == 0)
        return false;
    const char *at = strchr(escapes, s->ptr[0]);

    if (at != NULL && s->ptr[0] != 0) {
        *byte = (unsigned char)values[at - escapes];
        *s = str_from(*s, 1);
        return true;
    }
    unsigned value = 0;
    size_t digits = 0;

    while (digits < 3 && digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '7')
        value = value * 8 + (unsigned)(s->ptr[digits++] - '0');
    *s = str_from(*s, digits);
    *byte = (unsigned char)value;
    return digits > 0 && value < 256;
}

bool byte_set_parse(const char *name, const char *text, struct byte_set *set,
                    struct error *err)
{
    struct str rest = str_c(text);
    unsigned char byte = 0;

    *set = (struct byte_set){.any = rest.len > 0};
    while (rest.len > 0) {
        if (!take_byte(&rest, &byte))
            return error_config(err, "%s: bad escape sequence in \"%s\"", name, text);
        set->has[byte] = true;
    }
    return true;
}

bool cleanup_is_local_domain(struct str domain, void *ctx)
{
    struct cleanup_tables *t = ctx;
    struct error err;
    char name[256];

    if (domain.len == 0 || domain.len >= sizeof(name))
        return false;
    if (str_is_nocase(domain, t->mail->myorigin))
        return true;
    memcpy(name, domain.ptr, domain.len);
    name[domain.len] = 0;
    return match_list_find(t->mydestination, name, NULL, &err) == MATCH_YES;
}

static bool open_maps(struct cleanup_tables *t, struct error *err)
{
    const struct mail_config *mail = t->mail;
    const struct cleanup_config *cfg = t->cfg;
    const struct {
        struct maps **maps;
        const char *title, *text;
        bool is_pattern_text; // header and body lines are not folded
    } all[] = {
        {&t->canonical,        "canonical_maps",           mail->canonical_maps,          false},
        {&t->virtual_alias,    "virtual_alias_maps",       mail->virtual_alias_maps,      false},
        {&t->sender_canonical, "sender_canonical_maps",    cfg->sender_canonical_maps,    false},
        {&t->rcpt_canonical,   "recipient_canonical_maps", cfg->recipient_canonical_maps,
         false                                                                                 },
        {&t->sender_bcc,       "sender_bcc_maps",          cfg->sender_bcc_maps,          false},
        {&t->rcpt_bcc,         "recipient_bcc_maps",       cfg->recipient_bcc_maps,       false},
        {&t->header_checks,    "header_checks",            cfg->header_checks,            true },
        {&t->mime_checks,      "mime_header_checks",       cfg->mime_header_checks,       true },
        {&t->nested_checks,    "nested_header_checks",     cfg->nested_header_checks,     true },
        {&t->body_checks,      "body_checks",              cfg->body_checks,              true },
    };

    for (size_t i = 0; i < COUNT(all); i++) {
        unsigned flags = all[i].is_pattern_text ? 0 : TABLE_FOLD_KEY;

        *all[i].maps = maps_open(all[i].title, all[i].text, flags, err);
        if (*all[i].maps == NULL)
            return false;
    }
    return true;
}

static bool parse_classes(struct cleanup_tables *t, struct error *err)
{
    const struct cleanup_config *cfg = t->cfg;

    return address_classes_parse("canonical_classes", cfg->canonical_classes,
                                 &t->canonical_classes, err) &&
           address_classes_parse("sender_canonical_classes", cfg->sender_canonical_classes,
                                 &t->sender_canonical_classes, err) &&
           address_classes_parse("recipient_canonical_classes",
                                 cfg->recipient_canonical_classes,
                                 &t->rcpt_canonical_classes, err) &&
           address_classes_parse("masquerade_classes", cfg->masquerade_classes,
                                 &t->masquerade_classes, err);
}

static bool parse_lists(struct cleanup_tables *t, struct error *err)
{
    struct text_list propagate;

    if (!text_list_parse(t->arena, t->cfg->masquerade_domains, &t->masquerade_domains,
                         err) ||
        !text_list_parse(t->arena, t->cfg->message_drop_headers, &t->drop_headers, err) ||
        !text_list_parse(t->arena, t->mail->propagate_unmatched_extensions, &propagate,
                         err))
        return false;
    t->propagate_canonical = text_list_has_nocase(&propagate, "canonical");
    t->propagate_virtual = text_list_has_nocase(&propagate, "virtual");
    return byte_set_parse("message_reject_characters", t->cfg->message_reject_characters,
                          &t->reject_bytes, err) &&
           byte_set_parse("message_strip_characters", t->cfg->message_strip_characters,
                          &t->strip_bytes, err);
}

struct cleanup_tables *cleanup_tables_open(struct config *config,
                                           const struct cleanup_config *cfg,
                                           struct error *err)
{
    struct arena *arena = arena_new();
    struct cleanup_tables *t = ARENA_NEW(arena, struct cleanup_tables);

    t->arena = arena;
    t->cfg = cfg;
    t->mail = config_mail(config);
    if (!open_maps(t, err) || !parse_classes(t, err) || !parse_lists(t, err))
        return NULL;
    t->mydestination =
        match_list_open("mydestination", t->mail->mydestination, MATCH_STRING, false, err);
    if (t->mydestination == NULL)
        return NULL;
    t->masquerade_exceptions = match_list_open(
        "masquerade_exceptions", cfg->masquerade_exceptions, MATCH_STRING, false, err);
    if (t->masquerade_exceptions == NULL)
        return NULL;
    t->rewriter = rewriter_open(config, err);
    return t->rewriter == NULL ? NULL : t;
}
