// dispatch: from a command line to its handler, with the rules that hold for all commands.
#include "smtpd/smtpd_log.h"
#include "smtpd/verbs.h"
#include "util/log.h"
#include "util/text.h"
#include <sys/socket.h>

enum verb_flags {
    BEFORE_TLS = 1 << 0, // RFC 3207 4: may come without TLS even where that is enforced
    ENDS_GROUP = 1 << 1, // RFC 2920 3.1: nothing may follow before the answer
    JUNK = 1 << 2,       // counts against smtpd_junk_command_limit
    WHEN_DENIED = 1 << 3,
    UNLISTED = 1 << 4,    // not shown by HELP
    NEW_SESSION = 1 << 5, // its success is not counted: the count is the new session's
};

// In the order of the disconnect line.
static const struct verb {
    const char *name;
    struct reply (*run)(struct session *s, struct str args);
    unsigned flags;
} verbs[] = {
    {"HELO",     smtpd_helo,     BEFORE_TLS | ENDS_GROUP | JUNK},
    {"EHLO",     smtpd_ehlo,     BEFORE_TLS | ENDS_GROUP | JUNK},
    {"XCLIENT",  smtpd_xclient,  UNLISTED | NEW_SESSION        },
    {"XFORWARD", smtpd_xforward, UNLISTED                      },
    {"STARTTLS", smtpd_starttls, BEFORE_TLS | UNLISTED         },
    {"AUTH",     smtpd_auth,     UNLISTED                      },
    {"MAIL",     smtpd_mail,     0                             },
    {"RCPT",     smtpd_rcpt,     0                             },
    {"DATA",     smtpd_data,     ENDS_GROUP                    },
    {"BDAT",     smtpd_bdat,     0                             },
    {"RSET",     smtpd_rset,     JUNK                          },
    {"NOOP",     smtpd_noop,     BEFORE_TLS | ENDS_GROUP | JUNK},
    {"VRFY",     smtpd_vrfy,     ENDS_GROUP | JUNK             },
    {"ETRN",     smtpd_etrn,     ENDS_GROUP | JUNK             },
    {"QUIT",     smtpd_quit,     BEFORE_TLS | WHEN_DENIED      },
    {"HELP",     smtpd_help,     BEFORE_TLS | ENDS_GROUP | JUNK},
    {"UNKNOWN",  NULL,           UNLISTED                      },
};
_Static_assert(COUNT(verbs) == SMTPD_VERBS, "session.h counts each verb");
static const struct verb *const unknown_verb = &verbs[SMTPD_VERBS - 1];

static const struct verb *find_verb(struct str name)
{
    for (size_t i = 0; i + 1 < COUNT(verbs); i++)
        if (str_is_nocase(name, verbs[i].name))
            return &verbs[i];
    return unknown_verb;
}

bool session_peer_is_in(const struct session *s, struct match_list *list)
{
    struct error err = {0};

    if (list == NULL)
        return false;
    enum match_result result = match_list_find(list, s->peer.name, s->peer.addr, &err);

    if (result == MATCH_FAILED)
        log_warn("%s", err.text);
    return result == MATCH_YES;
}

bool session_may_xforward(const struct session *s)
{
    return s->knows_client ? s->may_xforward
                           : session_peer_is_in(s, s->server->xforward_hosts);
}

static bool is_in_words(struct match_list *list, struct str word, struct arena *arena)
{
    struct error err;

    return list != NULL &&
           match_list_find(list, arena_text(arena, word), NULL, &err) == MATCH_YES;
}

// A client that was turned away before DATA and sends its message all the same.
static bool is_header(struct str line)
{
    size_t colon = str_index(line, ':');
    struct str name = colon == SIZE_MAX ? str_n("", 0) : str_sub(line, 0, colon);

    while (name.len > 0 && ascii_is_space(name.ptr[name.len - 1]))
        name.len--;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
            return false;
    return name.len > 0;
}

static struct reply answer_unknown(struct session *s, struct str name, struct str line)
{
    if (is_header(line) || is_in_words(s->server->forbidden_commands, name, s->cmd_arena)) {
        log_warn("non-SMTP command from %s: %.*s", s->peer.namaddr,
                 (int)(line.len > 100 ? 100 : line.len), line.ptr);
        return REPLY_AND_CLOSE("221 2.7.0 Error: I can break rules, too. Goodbye.");
    }
    s->error_classes |= NOTIFY_PROTOCOL;
    return REPLY("500 5.5.2 Error: command not recognized");
}

// Input that came before the client could know the answer.
static bool has_broken_sync(struct session *s, const struct verb *v)
{
    if (s->io == NULL || s->peer.family == AF_UNIX ||
        ((s->announced_pipelining) && !(v->flags & ENDS_GROUP)) || v == unknown_verb ||
        strcmp(v->name, "QUIT") == 0 || strcmp(v->name, "BDAT") == 0)
        return false;
    char room[100];
    struct str ahead = session_input_ahead(s, room, sizeof(room));

    if (ahead.len == 0)
        return false;
    if (!s->broke_pipelining)
        log_info("improper command pipelining after %s from %s: %s", s->where,
                 s->peer.namaddr, smtpd_printable(s->cmd_arena, ahead));
    s->broke_pipelining = true;
    return true;
}

static struct reply run(struct session *s, const struct verb *v, struct str name,
                        struct str args, struct str line)
{
    if (s->server->noop_commands != NULL &&
        is_in_words(s->server->noop_commands, name, s->cmd_arena))
        return REPLY("250 2.0.0 Ok");
    if (has_broken_sync(s, v) && s->cfg->smtpd_forbid_unauth_pipelining) {
        s->error_classes |= NOTIFY_PROTOCOL;
        return REPLY_AND_CLOSE("554 5.5.0 Error: SMTP protocol synchronization");
    }
    if (s->access_denied != NULL && !(v->flags & WHEN_DENIED))
        return reply_printf(s, "503 5.7.0 Error: access denied for %s", s->peer.namaddr);
    if (v == unknown_verb)
        return answer_unknown(s, name, line);
    if (s->server->require_tls && !(v->flags & BEFORE_TLS))
        return REPLY("530 5.7.0 Must issue a STARTTLS command first");
    if ((v->flags & JUNK) && s->junk++ > s->cfg->smtpd_junk_command_limit)
        s->errors++;
    return v->run(s, args);
}

static bool is_unfit(char c)
{
    return ((unsigned char)c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
}

// A reply may repeat what the client said, but not its control characters: a bare CR is a
// line end to some who read it.
static const char *tame(struct session *s, const char *text)
{
    const char *at = text;

    while (*at != '\0' && !is_unfit(*at))
        at++;
    if (*at == '\0')
        return text;
    char *copy = arena_strdup(s->cmd_arena, text);

    for (char *c = copy + (at - text); *c != '\0'; c++)
        if (is_unfit(*c))
            *c = '?';
    return copy;
}

struct reply smtpd_dispatch(struct session *s, struct str line)
{
    struct str args = line, name;

    arena_reset(s->cmd_arena);
    if (!str_take(&args, " \t", &name)) {
        s->error_classes |= NOTIFY_PROTOCOL;
        s->errors++;
        return REPLY("500 5.5.2 Error: bad syntax");
    }
    if (s->mail->smtputf8_enable && !str_is_ascii(line) && !utf8_is_valid(line)) {
        s->error_classes |= NOTIFY_PROTOCOL;
        s->errors++;
        return REPLY("500 5.5.2 Error: bad UTF-8 syntax");
    }
    const struct verb *v = find_verb(name);
    struct verb_count *count = &s->counts[v - verbs];

    s->where = v->name;
    count->total++;
    struct reply reply = run(s, v, name, str_trim(args), line);

    if (reply.text == NULL)
        return reply; // the connection is gone
    if ((reply_is_error(reply) || v == unknown_verb) && !reply.forgiven)
        s->errors++;
    else if (!(v->flags & NEW_SESSION))
        count->ok++;
    if (strncmp(reply.text, "421", 3) == 0 || strncmp(reply.text, "521", 3) == 0)
        reply.close = true;
    reply.text = tame(s, reply.text);
    return reply;
}

const char *smtpd_counts_text(struct session *s)
{
    struct buf *text = buf_make(s->arena, 4096);
    struct verb_count all = {0};

    for (size_t i = 0; i <= COUNT(verbs); i++) {
        const struct verb_count *count = i < COUNT(verbs) ? &s->counts[i] : &all;

        if (count->total == 0 && i < COUNT(verbs))
            continue;
        all.ok += i < COUNT(verbs) ? count->ok : 0;
        all.total += i < COUNT(verbs) ? count->total : 0;
        char *name =
            arena_lower(s->arena, str_c(i < COUNT(verbs) ? verbs[i].name : "commands"));

        buf_putf(text, " %s=%ld", name, count->ok);
        if (count->total > count->ok || count->total == 0)
            buf_putf(text, "/%ld", count->total);
    }
    return buf_text(text);
}

const char *smtpd_verb_list(struct session *s)
{
    struct buf *text = buf_make(s->cmd_arena, 1024);

    for (size_t i = 0; i < COUNT(verbs); i++)
        if (!(verbs[i].flags & UNLISTED))
            buf_putf(text, " %s", verbs[i].name);
    return buf_text(text);
}
