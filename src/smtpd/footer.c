// footer: smtpd_reject_footer: text of the administrator behind each refusal.
#include "smtpd/footer.h"
#include "mail/address.h"
#include "util/log.h"
#include <time.h>

static const char *local_time(struct arena *arena)
{
    char text[64];
    time_t now = time(NULL);
    struct tm tm;

    localtime_r(&now, &tm);
    return strftime(text, sizeof(text), "%b %d %H:%M:%S", &tm) == 0
               ? ""
               : arena_strdup(arena, text);
}

static const char *find_value(const char *name, void *ctx)
{
    const struct session *s = ctx;
    const char *sender = s->msg.sender;
    const struct {
        const char *name, *value;
    } values[] = {
        {"client_address", s->peer.addr            },
        {"client_name",    s->peer.name            },
        {"client_port",    s->peer.port            },
        {"helo_name",      s->helo                 },
        {"localtime",      local_time(s->cmd_arena)},
        {"recipient",      s->msg.recipient        },
        {"sender",         sender                  },
        {"server_name",    s->mail->myhostname     },
        {"server_address", s->peer.server_addr     },
        {"server_port",    s->peer.server_port     },
    };

    for (size_t i = 0; i < COUNT(values); i++)
        if (strcmp(values[i].name, name) == 0)
            return values[i].value == NULL ? "" : values[i].value;
    return NULL;
}

static const char *template_of(struct session *s, const char *reply)
{
    const char *text = NULL;
    struct error err = {0};

    if (s->server->footer_maps == NULL)
        return s->cfg->smtpd_reject_footer;
    switch (maps_find(s->server->footer_maps, s->cmd_arena, reply, 0, &text, &err)) {
    case TABLE_FOUND:
        return text;
    case TABLE_FAILED:
        log_warn("smtpd_reject_footer_maps: %s", err.text);
        break;
    case TABLE_NOT_FOUND:
        break;
    }
    return s->cfg->smtpd_reject_footer;
}

// "550 5.7.1 " or "550 ", which every line of the answer begins with.
static size_t prefix_len(const char *reply)
{
    size_t len = strspn(reply + 4, "0123456789.");

    return len > 4 && reply[4 + len] == ' ' ? 5 + len : 4;
}

const char *footer_append(struct session *s, const char *reply)
{
    const char *template = template_of(s, reply), *footer;
    struct error err = {0};

    if (template == NULL || template[0] == '\0' || strlen(reply) < 4 ||
        strchr(reply, '\n') != NULL)
        return reply;
    if (!text_expand(s->cmd_arena, template, false, find_value, s, &footer, &err)) {
        log_warn("smtpd_reject_footer: %s", err.text);
        return reply;
    }
    struct buf *out = buf_make(s->cmd_arena, 65536);
    size_t prefix = prefix_len(reply);
    struct str rest = str_c(footer);
    bool ok = buf_append_c(out, reply);

    if (str_starts(rest, "\\c"))
        rest = str_from(rest, 2);
    else
        rest = str_c(arena_printf(s->cmd_arena, "\\n%s", footer));
    while (ok && rest.len > 0) {
        if (str_starts(rest, "\\n")) {
            ok = buf_printf(out, "\n%.*s", (int)prefix, reply);
            rest = str_from(rest, 2);
        } else {
            ok = buf_append_char(out,
                                 rest.ptr[0] < 32 && rest.ptr[0] >= 0 ? ' ' : rest.ptr[0]);
            rest = str_from(rest, 1);
        }
    }
    char *text = arena_strdup(s->cmd_arena, buf_text(out));

    // All lines but the last have a hyphen behind the code.
    for (char *line = text; strchr(line, '\n') != NULL; line = strchr(line, '\n') + 1)
        line[3] = '-';
    return text;
}
