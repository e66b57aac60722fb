// greet: the server's greeting, and EHLO, HELO or LHLO: what the peer can do.
#include "smtp/greet.h"
#include "util/log.h"
#include "util/text.h"

// In the order in which the log lists them.
static const struct {
    const char *keyword;
    unsigned feature;
} keywords[] = {
    {"8BITMIME",            FEATURE_8BITMIME  },
    {"AUTH",                FEATURE_AUTH      },
    {"PIPELINING",          FEATURE_PIPELINING},
    {"SIZE",                FEATURE_SIZE      },
    {"VRFY",                FEATURE_VRFY      },
    {"ETRN",                FEATURE_ETRN      },
    {"STARTTLS",            FEATURE_STARTTLS  },
    {"XCLIENT",             FEATURE_XCLIENT   },
    {"XFORWARD",            FEATURE_XFORWARD  },
    {"ENHANCEDSTATUSCODES", FEATURE_ENHANCED  },
    {"DSN",                 FEATURE_DSN       },
    {"SMTPUTF8",            FEATURE_SMTPUTF8  },
    {"CHUNKING",            FEATURE_CHUNKING  },
    {"REQUIRETLS",          FEATURE_REQUIRETLS},
};

static const struct {
    const char *word;
    unsigned feature;
} xforward_words[] = {
    {"NAME",   FEATURE_XFORWARD_NAME  },
    {"ADDR",   FEATURE_XFORWARD_ADDR  },
    {"PROTO",  FEATURE_XFORWARD_PROTO },
    {"HELO",   FEATURE_XFORWARD_HELO  },
    {"SOURCE", FEATURE_XFORWARD_SOURCE},
    {"PORT",   FEATURE_XFORWARD_PORT  },
    {"IDENT",  FEATURE_XFORWARD_IDENT },
};

unsigned greet_features(struct str line, uint64_t *size_limit)
{
    struct str word, arg;
    unsigned features = 0;

    if (!str_take(&line, " \t=", &word))
        return 0;
    if (str_is_nocase(word, "XFORWARD")) {
        while (str_take(&line, " \t", &arg))
            for (size_t i = 0; i < COUNT(xforward_words); i++)
                if (str_is_nocase(arg, xforward_words[i].word))
                    features |= xforward_words[i].feature;
        return features;
    }
    for (size_t i = 0; i < COUNT(keywords); i++)
        if (str_is_nocase(word, keywords[i].keyword))
            features |= keywords[i].feature;
    if ((features & FEATURE_SIZE) && str_take(&line, " \t", &arg)) {
        uint64_t limit;

        if (str_to_u64(arg, &limit))
            *size_limit = limit;
        else
            features &= ~(unsigned)FEATURE_SIZE;
    }
    return features;
}

static void log_discarded(unsigned features)
{
    char text[256] = "";

    for (size_t i = 0; i < COUNT(keywords); i++)
        if (features & keywords[i].feature) {
            strncat(text, " ", sizeof text - strlen(text) - 1);
            strncat(text, keywords[i].keyword, sizeof text - strlen(text) - 1);
        }
    if (text[0] != '\0')
        log_info("discarding EHLO keywords:%s", text);
}

// The word list for this peer: by its address in the maps, else the list for all.
static unsigned discard_for(const struct session *s, struct arena *arena)
{
    const char *value;
    struct error err;

    if (s->c->ehlo_discard_maps != NULL) {
        switch (maps_find(s->c->ehlo_discard_maps, arena, s->address, 0, &value, &err)) {
        case TABLE_FOUND:
            return features_parse(maps_title(s->c->ehlo_discard_maps), value);
        case TABLE_FAILED:
            log_warn("%s: %s map lookup error for %s", s->peer,
                     maps_title(s->c->ehlo_discard_maps), s->address);
            break;
        case TABLE_NOT_FOUND:
            break;
        }
    }
    return s->c->discard_features;
}

static void take_features(struct session *s, struct arena *arena,
                          const struct smtp_reply *reply)
{
    struct str rest = str_c(reply->text), line;
    unsigned found = FEATURE_ESMTP, discard = discard_for(s, arena);

    for (bool first = true; str_take_line(&rest, &line); first = false) {
        line = str_from(line, 4);
        if (first) {
            struct str name = {"", 0};

            if (str_take(&line, " \t", &name))
                s->peer_helo = arena_text(s->arena, name);
            continue;
        }
        found |= greet_features(line, &s->size_limit);
    }
    if ((found & FEATURE_SMTPUTF8) && !(found & FEATURE_8BITMIME)) {
        log_info("host %s offers SMTPUTF8 support, but not 8BITMIME", s->peer);
        found |= FEATURE_8BITMIME;
    }
    if (!(discard & FEATURE_SILENT))
        log_discarded(discard);
    s->features = found & ~discard;
}

// Some firewalls hide the greeting behind asterisks and break ESMTP.
static void find_pix(struct session *s, struct arena *arena, const char *greeting,
                     double old_seconds)
{
    unsigned wanted = s->c->pix;
    const char *value;
    struct error err;
    const char *text = strlen(greeting) > 4 ? greeting + 4 : "";

    if (strspn(text, "*20 ") != strlen(text) || strchr(text, '*') == NULL)
        return;
    if (s->c->pix_maps != NULL &&
        maps_find(s->c->pix_maps, arena, s->address, 0, &value, &err) == TABLE_FOUND)
        wanted = pix_parse(maps_title(s->c->pix_maps), value);
    s->pix = wanted;
    if ((s->pix & PIX_DELAY_DOTCRLF) &&
        old_seconds < (double)s->c->cfg->pix_workaround_threshold_time.seconds)
        s->pix &= ~(unsigned)PIX_DELAY_DOTCRLF;
    if (s->pix != 0)
        log_info("%s: enabling PIX workarounds:%s%s for %s", s->queue_id,
                 s->pix & PIX_DISABLE_ESMTP ? " disable_esmtp" : "",
                 s->pix & PIX_DELAY_DOTCRLF ? " delay_dotcrlf" : "", s->relay);
}

static enum greet_result refused(struct session *s, const struct smtp_reply *reply,
                                 struct error *err)
{
    static const char text[] = "host %s refused to talk to me: %s";

    session_refused(s, reply->code);
    if (reply->code / 100 == 4)
        (void)error_temp(err, reply->dsn, text, s->peer, reply->text);
    else // with another digit than 5 it is no answer to what we said
        (void)error_perm(err, reply->code / 100 == 5 ? reply->dsn : "5.5.0", text, s->peer,
                         reply->text);
    return GREET_REFUSED;
}

static bool wants_ehlo(const struct session *s, const char *greeting)
{
    if (s->c->lmtp)
        return true;
    if (s->c->cfg->never_send_ehlo || (s->pix & PIX_DISABLE_ESMTP))
        return false;
    return s->c->cfg->always_send_ehlo || strstr(greeting, "ESMTP") != NULL;
}

enum greet_result session_greet(struct session *s, struct arena *arena, double old_seconds,
                                bool detect_loop, struct smtp_reply *reply,
                                struct error *err)
{
    const struct smtp_context *c = s->c;
    const char *doing =
        c->lmtp ? "performing the LHLO handshake" : "performing the EHLO handshake";
    struct str words, name = {"", 0};

    if (!session_reply(s, arena, c->cfg->helo_timeout,
                       "receiving the initial server greeting", reply, err))
        return GREET_LOST;
    if (reply->code / 100 != 2) {
        enum greet_result result = refused(s, reply, err);

        // Another host, or another day, may be more friendly (RFC 5321 says otherwise; so
        // does smtp_skip_5xx_greeting=no).
        if (reply->code / 100 == 5 && c->cfg->skip_5xx_greeting) {
            err->kind = ERROR_TEMPORARY;
            err->dsn[0] = '4';
        }
        return result;
    }
    find_pix(s, arena, reply->text, old_seconds);
    words = str_from(str_c(reply->text), 4);
    if (detect_loop && str_take(&words, " \t\n", &name) &&
        str_is_nocase(name, c->mail->myhostname))
        log_warn("host %s greeted me with my own hostname %s", s->relay,
                 c->mail->myhostname);

    bool ehlo = wants_ehlo(s, reply->text);
    if (ehlo) {
        session_commandf(s, "%s %s", c->ehlo_verb, c->cfg->helo_name);
        if (!session_reply_lines(s, arena, c->cfg->helo_timeout, doing, reply, err))
            return GREET_LOST;
        if (reply->code / 100 == 2) {
            take_features(s, arena, reply);
        } else if (c->lmtp || reply->code == 421 || reply->code == 521) {
            return refused(s, reply, err);
        } else {
            ehlo = false;
        }
    }
    if (!ehlo) {
        session_commandf(s, "HELO %s", c->cfg->helo_name);
        if (!session_reply(s, arena, c->cfg->helo_timeout, "performing the HELO handshake",
                           reply, err))
            return GREET_LOST;
        if (reply->code / 100 != 2)
            return refused(s, reply, err);
    }
    if (detect_loop && str_is_nocase(str_c(s->peer_helo), c->mail->myhostname)) {
        log_warn("host %s replied to HELO/EHLO with my own hostname %s", s->relay,
                 c->mail->myhostname);
        (void)error_perm(err, "5.4.6", "mail for %s loops back to myself", s->destination);
        return GREET_SELF;
    }
    return GREET_OK;
}
