// local: delivers to users of this system: aliases, ~/.forward, mailboxes and commands.
#include "local/job.h"
#include "mail/privilege.h"
#include "util/log.h"
#include "util/text.h"
#include <grp.h>
#include <pwd.h>
#include <strings.h>
#include <unistd.h>

static struct local_config config; // filled before the first request, then only read
static struct local process;       // the same, but for the connection to cleanup(8)

struct flag_name {
    const char *name;
    unsigned flag;
};
static const struct flag_name origin_names[] = {
    {"alias",   ORIGIN_ALIAS  },
    {"forward", ORIGIN_FORWARD},
    {"include", ORIGIN_INCLUDE},
    {NULL,      0             },
};
static const struct flag_name header_names[] = {
    {"command", DELIVERED_COMMAND},
    {"file",    DELIVERED_FILE   },
    {"forward", DELIVERED_FORWARD},
    {NULL,      0                },
};
// What the other programs use of it is not ours to check.
static const struct flag_name propagate_names[] = {
    {"alias",     ORIGIN_ALIAS  },
    {"forward",   ORIGIN_FORWARD},
    {"include",   ORIGIN_INCLUDE},
    {"canonical", 0             },
    {"virtual",   0             },
    {"generic",   0             },
    {NULL,        0             },
};

static bool parse_flags(const char *title, const char *text, const struct flag_name *names,
                        unsigned *flags, struct error *err)
{
    struct str rest = str_c(text);
    struct str word;

    *flags = 0;
    while (str_take(&rest, ", \t\r\n", &word)) {
        const struct flag_name *n = names;

        while (n->name != NULL && !str_is_nocase(word, n->name))
            n++;
        if (n->name == NULL)
            return error_config(err, "unknown %s value \"%.*s\" in \"%s\"", title,
                                STR_FMT(word), text);
        *flags |= n->flag;
    }
    return true;
}

static bool find_default_user(const struct mail_config *mail, struct error *err)
{
    struct actor *actor = &process.default_actor;
    struct passwd *pw;

    if (!privilege_is_available()) {
        *actor = (struct actor){.uid = geteuid(), .gid = getegid(), .name = "self"};
        return true;
    }
    pw = getpwnam(mail->default_privs);
    if (pw == NULL)
        return error_config(err, "default_privs: unknown user: %s", mail->default_privs);
    if (pw->pw_uid == 0)
        return error_config(err, "default_privs: %s: privileged user is not allowed",
                            mail->default_privs);
    *actor =
        (struct actor){.uid = pw->pw_uid, .gid = pw->pw_gid, .name = mail->default_privs};
    return true;
}

static bool open_maps(const struct mail_config *mail, struct error *err)
{
    const struct {
        struct maps **maps;
        const char *title, *text;
    } rows[] = {
        {&process.alias_maps,              "alias_maps",              mail->alias_maps},
        {&process.mailbox_command_maps,    "mailbox_command_maps",
         config.mailbox_command_maps                                                  },
        {&process.mailbox_transport_maps,  "mailbox_transport_maps",
         config.mailbox_transport_maps                                                },
        {&process.fallback_transport_maps, "fallback_transport_maps",
         config.fallback_transport_maps                                               },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        *rows[i].maps =
            maps_open(rows[i].title, rows[i].text, TABLE_FOLD_KEY | TABLE_NO_REGSUB, err);
        if (*rows[i].maps == NULL)
            return false;
    }
    return true;
}

static bool prepare(struct service *svc, struct error *err)
{
    const struct mail_config *mail = service_mail(svc);
    unsigned locks;

    if (config.mailbox_size_limit > 0 &&
        (mail->message_size_limit == 0 ||
         config.mailbox_size_limit < mail->message_size_limit))
        return error_config(err,
                            "main.cf configuration error: mailbox_size_limit is smaller "
                            "than message_size_limit");
    process.cfg = &config;
    process.mail = mail;
    process.service = service_name(svc);
    if (!parse_flags("allow_mail_to_commands", config.allow_mail_to_commands, origin_names,
                     &process.commands_allowed, err) ||
        !parse_flags("allow_mail_to_files", config.allow_mail_to_files, origin_names,
                     &process.files_allowed, err) ||
        !parse_flags("prepend_delivered_header", config.prepend_delivered_header,
                     header_names, &process.delivered_headers, err) ||
        !parse_flags("propagate_unmatched_extensions", mail->propagate_unmatched_extensions,
                     propagate_names, &process.propagate, err) ||
        !mailbox_lock_parse("mailbox_delivery_lock", mail->mailbox_delivery_lock, &locks,
                            err) ||
        !find_default_user(mail, err) || !open_maps(mail, err))
        return false;
    process.lock = mailbox_lock_policy(mail, locks);
    process.rewriter = rewriter_open(service_config(svc), err);
    return process.rewriter != NULL;
}

static void deliver(struct delivery *d)
{
    local_deliver(&process, d);
}

static void on_idle(struct service *svc)
{
    (void)svc;
    cleanup_client_close(process.cleanup);
    process.cleanup = NULL;
}

static const struct agent_spec local = {
    .service =
        {
                  .name = "local",
                  .needs = SERVICE_ROOT | SERVICE_NO_CHROOT,
                  .params = local_params,
                  .config = &config,
                  .before_jail = prepare,
                  },
    .deliver = deliver,
    .on_idle = on_idle,
};

int main(int argc, char **argv)
{
    return agent_main(argc, argv, &local);
}
