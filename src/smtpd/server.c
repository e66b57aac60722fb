// server: opens what a smtpd process needs for all its sessions.
#include "smtpd/server.h"
#include "mail/own_addr.h"
#include "smtpd/rules.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include <pwd.h>
#include <unistd.h>

static const char *class_text(const char *name, void *ctx)
{
    return config_named_text(ctx, name);
}

void rules_context_add_classes(struct rules_context *ctx, struct smtpd *server)
{
    ctx->classes = &server->classes;
    ctx->class_text = class_text;
    ctx->ctx = server->config;
}

// An empty list stays NULL, so that each session can pass it by.
static struct rules *open_rules(struct smtpd *server, struct arena *arena,
                                const char *title, const char *text, enum rule_stage stage)
{
    struct rules_context ctx = {.arena = arena, .cfg = server->cfg, .title = title};

    rules_context_add_classes(&ctx, server);
    if (text == NULL || str_trim(str_c(text)).len == 0)
        return NULL;
    return rules_parse(&ctx, text, stage);
}

static void close_maps(void *maps)
{
    maps_close(maps);
}

static void close_list(void *list)
{
    match_list_close(list);
}

static bool open_maps(struct maps **maps, struct arena *arena, const char *title,
                      const char *text, struct error *err)
{
    if (text == NULL || str_trim(str_c(text)).len == 0)
        return true;
    *maps = maps_open(title, text, TABLE_FOLD_KEY, err);
    if (*maps != NULL)
        arena_on_reset(arena, close_maps, *maps);
    return *maps != NULL;
}

static bool open_list(struct match_list **list, struct arena *arena, const char *title,
                      const char *text, enum match_kind kind, const char *parents,
                      struct error *err)
{
    if (text == NULL || str_trim(str_c(text)).len == 0)
        return true;
    *list = match_list_open(title, text, kind, match_parents(parents, title), err);
    if (*list != NULL)
        arena_on_reset(arena, close_list, *list);
    return *list != NULL;
}

static bool open_all_lists(struct smtpd *s, struct arena *arena, struct error *err)
{
    const struct smtpd_config *cfg = s->cfg;
    const struct mail_config *mail = s->mail;
    // clang-format off
    const struct {
        struct match_list **list;
        const char *title, *text;
        enum match_kind kind;
    } lists[] = {
        {&s->mynetworks, "mynetworks", mail->mynetworks, MATCH_ADDRESS},
        {&s->bare_newline_exclusions, "smtpd_forbid_bare_newline_exclusions", cfg->smtpd_forbid_bare_newline_exclusions, MATCH_NAMADR},
        {&s->xclient_hosts, "smtpd_authorized_xclient_hosts", cfg->smtpd_authorized_xclient_hosts, MATCH_NAMADR},
        {&s->xforward_hosts, "smtpd_authorized_xforward_hosts", cfg->smtpd_authorized_xforward_hosts, MATCH_NAMADR},
        {&s->verp_clients, "smtpd_authorized_verp_clients", cfg->smtpd_authorized_verp_clients, MATCH_NAMADR},
        {&s->event_limit_exceptions, "smtpd_client_event_limit_exceptions", cfg->smtpd_client_event_limit_exceptions, MATCH_NAMADR},
        {&s->permit_logging, "smtpd_log_access_permit_actions", cfg->smtpd_log_access_permit_actions, MATCH_STRING},
        {&s->forbidden_commands, "smtpd_forbidden_commands", cfg->smtpd_forbidden_commands, MATCH_STRING},
        {&s->noop_commands, "smtpd_noop_commands", cfg->smtpd_noop_commands, MATCH_STRING},
        {&s->mx_backup_networks, "permit_mx_backup_networks", cfg->permit_mx_backup_networks, MATCH_ADDRESS},
        {&s->fast_flush_domains, "fast_flush_domains", mail->fast_flush_domains, MATCH_DOMAIN},
        {&s->local_domains, "mydestination", mail->mydestination, MATCH_STRING},
    };
    // clang-format on

    for (size_t i = 0; i < COUNT(lists); i++)
        if (!open_list(lists[i].list, arena, lists[i].title, lists[i].text, lists[i].kind,
                       mail->parent_domain_matches_subdomains, err))
            return false;
    return true;
}

static bool open_all_maps(struct smtpd *s, struct arena *arena, struct error *err)
{
    const struct smtpd_config *cfg = s->cfg;
    const struct mail_config *mail = s->mail;
    // clang-format off
    const struct {
        struct maps **maps;
        const char *title, *text;
    } maps[] = {
        {&s->ehlo_maps, "smtpd_discard_ehlo_keyword_address_maps", cfg->smtpd_discard_ehlo_keyword_address_maps},
        {&s->command_filter, "smtpd_command_filter", cfg->smtpd_command_filter},
        {&s->footer_maps, "smtpd_reject_footer_maps", cfg->smtpd_reject_footer_maps},
        {&s->rbl_reply_maps, "rbl_reply_maps", cfg->rbl_reply_maps},
        {&s->login_maps, "smtpd_sender_login_maps", cfg->smtpd_sender_login_maps},
        {&s->recipient_canonical_maps, "recipient_canonical_maps", cfg->recipient_canonical_maps},
        {&s->sender_canonical_maps, "sender_canonical_maps", cfg->sender_canonical_maps},
        {&s->canonical_maps, "canonical_maps", mail->canonical_maps},
        {&s->virtual_alias_maps, "virtual_alias_maps", mail->virtual_alias_maps},
        {&s->virtual_mailbox_maps, "virtual_mailbox_maps", mail->virtual_mailbox_maps},
        {&s->relay_recipient_maps, "relay_recipient_maps", mail->relay_recipient_maps},
        {&s->local_recipient_maps, "local_recipient_maps", mail->local_recipient_maps},
    };
    // clang-format on

    for (size_t i = 0; i < COUNT(maps); i++)
        if (!open_maps(maps[i].maps, arena, maps[i].title, maps[i].text, err))
            return false;
    return true;
}

// Something has to stand between the world and our outgoing queue.
static bool is_closed(const struct smtpd *server)
{
    static const char *const closing[] = {"reject_unauth_destination",
                                          "defer_unauth_destination", "reject", "defer",
                                          "defer_if_permit"};

    for (size_t i = 0; i < COUNT(closing); i++)
        if (rules_contain(server->relay_rules, closing[i]) ||
            rules_contain(server->recipient_rules, closing[i]))
            return true;
    return false;
}

static void open_all_rules(struct smtpd *s, struct arena *arena)
{
    const struct smtpd_config *cfg = s->cfg;

#define OPEN(field, name, stage) s->field = open_rules(s, arena, #name, cfg->name, stage)
    OPEN(client_rules, smtpd_client_restrictions, STAGE_CLIENT);
    OPEN(helo_rules, smtpd_helo_restrictions, STAGE_HELO);
    OPEN(sender_rules, smtpd_sender_restrictions, STAGE_SENDER);
    OPEN(relay_rules, smtpd_relay_restrictions, STAGE_RECIPIENT);
    OPEN(recipient_rules, smtpd_recipient_restrictions, STAGE_RECIPIENT);
    OPEN(data_rules, smtpd_data_restrictions, STAGE_DATA);
    OPEN(end_of_data_rules, smtpd_end_of_data_restrictions, STAGE_END_OF_DATA);
    OPEN(etrn_rules, smtpd_etrn_restrictions, STAGE_ETRN);
#undef OPEN
    s->is_open_relay = !is_closed(s);
    s->local_rewrite_rules =
        open_rules(s, arena, "local_header_rewrite_clients",
                   s->mail->local_header_rewrite_clients, STAGE_CLIENT);
}

static unsigned parse_notify_classes(const char *text)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {
        {"bounce",   NOTIFY_BOUNCE  },
        {"policy",   NOTIFY_POLICY  },
        {"protocol", NOTIFY_PROTOCOL},
        {"resource", NOTIFY_RESOURCE},
        {"software", NOTIFY_SOFTWARE},
        {"2bounce",  NOTIFY_OTHER   },
        {"delay",    NOTIFY_OTHER   },
        {"data",     NOTIFY_OTHER   },
    };
    struct str rest = str_c(text), word;
    unsigned mask = 0;

    while (str_take(&rest, ", \t\r\n", &word)) {
        unsigned bit = 0;

        for (size_t i = 0; i < COUNT(names); i++)
            if (str_is_nocase(word, names[i].name))
                bit = names[i].bit;
        if (bit == 0)
            log_warn("unknown name \"%.*s\" in notify_classes", STR_FMT(word));
        mask |= bit;
    }
    return mask & ~(unsigned)NOTIFY_OTHER;
}

static bool parse_bare_newline(const char *text, enum bare_newline *value,
                               struct error *err)
{
    static const struct {
        const char *name;
        enum bare_newline value;
    } names[] = {
        {"no",        BARE_NEWLINE_ALLOW    },
        {"yes",       BARE_NEWLINE_NORMALIZE},
        {"normalize", BARE_NEWLINE_NORMALIZE},
        {"note",      BARE_NEWLINE_NOTE     },
        {"reject",    BARE_NEWLINE_REJECT   },
    };

    for (size_t i = 0; i < COUNT(names); i++) {
        if (!str_is_nocase(str_c(text), names[i].name))
            continue;
        *value = names[i].value;
        return true;
    }
    return error_config(err, "bad parameter value: smtpd_forbid_bare_newline = %s", text);
}

static bool parse_overrides(struct smtpd *server, const char *text, struct error *err)
{
    struct str rest = str_c(text), word;

    server->cleanup_flags = CLEANUP_EXTERNAL;
    server->check_recipients = true;
    while (str_take(&rest, ", \t\r\n", &word)) {
        if (str_is_nocase(word, "no_unknown_recipient_checks"))
            server->check_recipients = false;
        else if (str_is_nocase(word, "no_address_mappings"))
            server->cleanup_flags &= ~(CLEANUP_MAP_OK | CLEANUP_BCC_OK);
        else if (str_is_nocase(word, "no_header_body_checks"))
            server->cleanup_flags &= ~CLEANUP_FILTER;
        else if (str_is_nocase(word, "no_milters"))
            server->cleanup_flags &= ~CLEANUP_MILTER;
        else
            return error_config(err, "bad parameter value: receive_override_options = %s",
                                text);
    }
    return true;
}

static bool has_word(const char *text, const char *wanted)
{
    struct str rest = str_c(text), word;

    while (str_take(&rest, ", \t\r\n", &word))
        if (str_is_nocase(word, wanted))
            return true;
    return false;
}

// This build has no TLS: 'may' goes on without, but 'encrypt' must not become plaintext.
static bool set_tls(struct smtpd *server, struct error *err)
{
    const struct smtpd_config *cfg = server->cfg;
    const char *level = cfg->smtpd_tls_security_level;
    bool is_may = strcmp(level, "may") == 0;

    if (level[0] == '\0')
        server->require_tls = cfg->smtpd_enforce_tls;
    else if (!is_may && strcmp(level, "none") != 0)
        server->require_tls = true;
    if (cfg->smtpd_tls_wrappermode)
        return error_config(err, "smtpd_tls_wrappermode: TLS support is not compiled in");
    if (server->require_tls || is_may)
        log_warn("smtpd_tls_security_level: TLS support is not compiled in%s",
                 server->require_tls ? "; mail will be refused" : "");
    if (cfg->smtpd_sasl_auth_enable)
        log_warn("smtpd_sasl_auth_enable: SASL support is not compiled in");
    return true;
}

// Local users of sendmail -bs may send anywhere, as with sendmail itself; run as mail_owner
// it serves clients of inetd.
static bool is_trusted_user(const struct mail_config *mail)
{
    struct passwd *owner = getpwnam(mail->mail_owner);

    return owner == NULL || owner->pw_uid != getuid();
}

bool server_open(struct smtpd *server, struct arena *arena, struct config *config,
                 const struct smtpd_config *cfg, bool is_stand_alone, struct error *err)
{
    const struct mail_config *mail = config_mail(config);

    *server = (struct smtpd){
        .cfg = cfg, .mail = mail, .config = config, .is_stand_alone = is_stand_alone};
    if (!text_list_parse(arena, cfg->smtpd_restriction_classes, &server->classes, err))
        return error_prefix(err, "smtpd_restriction_classes");
    server->own = own_addr_open(mail);
    server->rewriter = rewriter_open(config, err);
    if (server->rewriter == NULL)
        return false;
    if (!open_all_lists(server, arena, err) || !open_all_maps(server, arena, err) ||
        !set_tls(server, err) ||
        !parse_overrides(server, cfg->receive_override_options, err) ||
        !parse_bare_newline(cfg->smtpd_forbid_bare_newline, &server->bare_newline, err))
        return false;
    open_all_rules(server, arena);
    server->asks_user_first = mail->local_recipient_maps != NULL &&
                              strstr(mail->local_recipient_maps, "unix:") != NULL;
    server->maps_match_parents =
        match_parents(mail->parent_domain_matches_subdomains, "smtpd_access_maps");
    server->notify_classes = parse_notify_classes(mail->notify_classes);
    server->ehlo_discard = ehlo_keywords_parse(cfg->smtpd_discard_ehlo_keywords);
    server->utf8_autodetect = has_word(mail->smtputf8_autodetect_classes, "smtpd") ||
                              has_word(mail->smtputf8_autodetect_classes, "all");
    if (is_stand_alone && is_trusted_user(mail)) {
        server->client_rules = server->helo_rules = server->sender_rules = NULL;
        server->relay_rules = server->recipient_rules = NULL;
        server->data_rules = server->end_of_data_rules = server->etrn_rules = NULL;
        server->is_open_relay = server->check_recipients = false;
        server->bare_newline = BARE_NEWLINE_ALLOW;
        server->submits = true;
    }
    return true;
}
