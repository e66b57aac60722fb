// verb_helo: the greeting, HELO and EHLO.
#include "smtpd/checks.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include "util/text.h"

static const struct {
    const char *name;
    unsigned bit;
} ehlo_keywords[] = {
    {"8BITMIME",            EHLO_8BITMIME           },
    {"AUTH",                EHLO_AUTH               },
    {"CHUNKING",            EHLO_CHUNKING           },
    {"DSN",                 EHLO_DSN                },
    {"ENHANCEDSTATUSCODES", EHLO_ENHANCEDSTATUSCODES},
    {"ETRN",                EHLO_ETRN               },
    {"PIPELINING",          EHLO_PIPELINING         },
    {"REQUIRETLS",          EHLO_REQUIRETLS         },
    {"SILENT-DISCARD",      EHLO_SILENT_DISCARD     },
    {"SIZE",                EHLO_SIZE               },
    {"SMTPUTF8",            EHLO_SMTPUTF8           },
    {"STARTTLS",            EHLO_STARTTLS           },
    {"VERP",                EHLO_VERP               },
    {"VRFY",                EHLO_VRFY               },
    {"XCLIENT",             EHLO_XCLIENT            },
    {"XFORWARD",            EHLO_XFORWARD           },
};

unsigned ehlo_keywords_parse(const char *text)
{
    struct str rest = str_c(text), word;
    unsigned mask = 0;

    while (str_take(&rest, " \t\r\n,", &word)) {
        unsigned bit = 0;

        for (size_t i = 0; i < COUNT(ehlo_keywords); i++)
            if (str_is_nocase(word, ehlo_keywords[i].name))
                bit = ehlo_keywords[i].bit;
        if (bit == 0)
            log_warn("unknown EHLO keyword \"%.*s\" in list", STR_FMT(word));
        mask |= bit;
    }
    return mask;
}

struct reply smtpd_greet(struct session *s)
{
    const char *denied = check_connect(s);

    if (denied == NULL)
        return reply_printf(s, "220 %s", s->cfg->smtpd_banner);
    s->errors++;
    s->access_denied = arena_strdup(s->arena, denied);
    if (strncmp(denied, "421", 3) == 0 || strncmp(denied, "521", 3) == 0)
        return (struct reply){.text = s->access_denied, .close = true};
    return REPLY(s->access_denied);
}

// What could break the quoting of logs, headers and replies becomes '?'.
static const char *safe_helo(struct arena *arena, struct str name)
{
    char *text = arena_text(arena, name);

    for (char *p = text; *p != '\0'; p++)
        if (strchr("<>()\\\";@", *p) != NULL || (unsigned char)*p < 32 || *p == 127)
            *p = '?';
    return text;
}

// Common to both: checks, and a new beginning.
static const char *greet_client(struct session *s, struct str name, const char *where,
                                bool is_esmtp)
{
    const char *refusal;

    session_reset_message(s);
    s->helo = safe_helo(s->arena, name);
    refusal = check_helo(s, where);
    if (refusal == NULL) {
        s->esmtp = is_esmtp;
        s->protocol = is_esmtp ? "ESMTP" : "SMTP";
        return NULL;
    }
    refusal = arena_strdup(s->cmd_arena, refusal);
    s->helo = NULL;
    return refusal;
}

VERB(smtpd_helo)
{
    if (args.len == 0 || !str_is_text(args)) {
        s->error_classes |= NOTIFY_PROTOCOL;
        return REPLY("501 Syntax: HELO hostname");
    }
    const char *refusal = greet_client(s, args, "HELO", false);

    if (refusal != NULL)
        return REPLY(refusal);
    s->announced_pipelining = false;
    return reply_printf(s, "250 %s", s->mail->myhostname);
}

static unsigned discard_mask(struct session *s)
{
    const char *words;
    struct error err = {0};

    if (s->server->ehlo_maps == NULL)
        return s->server->ehlo_discard;
    switch (maps_find(s->server->ehlo_maps, s->cmd_arena, s->peer.addr, 0, &words, &err)) {
    case TABLE_FOUND:
        return ehlo_keywords_parse(words);
    case TABLE_FAILED:
        log_warn("smtpd_discard_ehlo_keyword_address_maps: %s", err.text);
        break;
    case TABLE_NOT_FOUND:
        break;
    }
    return s->server->ehlo_discard;
}

static void offer(struct session *s, struct buf *text, unsigned bit, const char *line)
{
    if (s->ehlo_discard & bit)
        return;
    buf_putf(text, "\n250-%s", line);
}

static void log_discarded(const struct session *s)
{
    struct buf *names = buf_make(s->cmd_arena, 1024);

    for (size_t i = 0; i < COUNT(ehlo_keywords); i++)
        if (s->ehlo_discard & ehlo_keywords[i].bit & ~(unsigned)EHLO_SILENT_DISCARD)
            buf_putf(names, " %s", ehlo_keywords[i].name);
    if (buf_len(names) > 0)
        log_info("discarding EHLO keywords:%s", buf_text(names));
}

VERB(smtpd_ehlo)
{
    struct buf *text = buf_make(s->cmd_arena, 8192);

    if (args.len == 0 || !str_is_text(args)) {
        s->error_classes |= NOTIFY_PROTOCOL;
        return REPLY("501 Syntax: EHLO hostname");
    }
    const char *refusal = greet_client(s, args, "EHLO", true);

    if (refusal != NULL)
        return REPLY(refusal);
    s->ehlo_discard = discard_mask(s);
    if (s->ehlo_discard != 0 && !(s->ehlo_discard & EHLO_SILENT_DISCARD))
        log_discarded(s);
    s->announced_pipelining = !(s->ehlo_discard & EHLO_PIPELINING);
    buf_putf(text, "250-%s", s->mail->myhostname);
    offer(s, text, EHLO_PIPELINING, "PIPELINING");
    offer(s, text, EHLO_SIZE,
          s->mail->message_size_limit > 0
              ? arena_printf(s->cmd_arena, "SIZE %ld", s->mail->message_size_limit)
              : "SIZE");
    if (!s->cfg->disable_vrfy_command)
        offer(s, text, EHLO_VRFY, "VRFY");
    offer(s, text, EHLO_ETRN, "ETRN");
    if (session_peer_is_in(s, s->server->verp_clients))
        offer(s, text, EHLO_VERP, "XVERP");
    if (session_peer_is_in(s, s->server->xclient_hosts))
        offer(s, text, EHLO_XCLIENT,
              "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT");
    if (session_may_xforward(s))
        offer(s, text, EHLO_XFORWARD, "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT");
    offer(s, text, EHLO_ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES");
    offer(s, text, EHLO_8BITMIME, "8BITMIME");
    offer(s, text, EHLO_DSN, "DSN");
    if (s->mail->smtputf8_enable)
        offer(s, text, EHLO_SMTPUTF8, "SMTPUTF8");
    offer(s, text, EHLO_CHUNKING, "CHUNKING");
    // The last line has a blank instead of the hyphen.
    char *whole = arena_strdup(s->cmd_arena, buf_text(text));
    char *last = strrchr(whole, '\n');

    (last == NULL ? whole : last + 1)[3] = ' ';
    return REPLY(whole);
}
