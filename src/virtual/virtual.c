// virtual: delivers to mailboxes of virtual domains, found by tables of whole addresses.
#include "mail/address.h"
#include "mail/maildir.h"
#include "mail/mbox.h"
#include "mail/privilege.h"
#include "service/agent.h"
#include "table/maps.h"
#include "util/log.h"
#include "virtual/virtual_config.h"
#include <unistd.h>

static struct virtual_config config; // filled before the first request, then only read
static struct {
    struct maps *mailboxes, *uids, *gids;
    struct mailbox_lock_policy lock;
} opened; // the same

static bool prepare(struct service *svc, struct error *err)
{
    const struct mail_config *mail = service_mail(svc);
    unsigned flags = TABLE_FOLD_KEY | TABLE_NO_REGSUB;
    unsigned locks;

    if (config.virtual_mailbox_limit > 0 &&
        (mail->message_size_limit == 0 ||
         config.virtual_mailbox_limit < mail->message_size_limit))
        return error_config(err,
                            "main.cf configuration error: virtual_mailbox_limit is smaller "
                            "than message_size_limit");
    if (!mailbox_lock_parse("virtual_mailbox_lock", mail->virtual_mailbox_lock, &locks,
                            err))
        return false;
    opened.lock = mailbox_lock_policy(mail, locks);
    opened.mailboxes =
        maps_open("virtual_mailbox_maps", mail->virtual_mailbox_maps, flags, err);
    if (opened.mailboxes == NULL)
        return false;
    opened.uids = maps_open("virtual_uid_maps", config.virtual_uid_maps, flags, err);
    if (opened.uids == NULL)
        return false;
    opened.gids = maps_open("virtual_gid_maps", config.virtual_gid_maps, flags, err);
    if (opened.gids == NULL)
        return false;
    return true;
}

// One recipient.
struct visit {
    struct delivery *d;
    size_t rcpt;
    const char *address; // as given
    const char *key;     // in lower case
};

static void report(const struct visit *v, const char *dsn, const char *text)
{
    struct outcome o = {.dsn = dsn, .text = text, .relay = service_name(v->d->svc)};

    agent_outcome(v->d, v->rcpt, &o);
}

static void misconfigured(const struct visit *v)
{
    report(v, "4.3.5", "mail system configuration error");
}

static enum table_result find(const struct visit *v, struct maps *maps, const char **value)
{
    struct address_search how = {
        .recipient_delimiter = service_mail(v->d->svc)->recipient_delimiter,
        .steps = ADDRESS_FULL | ADDRESS_NO_EXT | ADDRESS_DOMAIN,
    };
    struct error err = {0};
    enum table_result found =
        maps_find_address(maps, v->d->arena, v->key, &how, value, NULL, &err);

    if (found == TABLE_FAILED)
        log_warn("%s lookup of %s: %s", maps_title(maps), v->key, err.text);
    return found;
}

// A missing or bad id is the administrator's mistake: the mail waits for the repair.
static bool find_id(const struct visit *v, struct maps *maps, const char *kind, long min,
                    long *id)
{
    const char *value;

    switch (find(v, maps, &value)) {
    case TABLE_FAILED:
        report(v, "4.3.0", "mail system configuration error");
        return false;
    case TABLE_NOT_FOUND:
        log_warn("recipient %s: not found in %s", v->address, maps_title(maps));
        misconfigured(v);
        return false;
    case TABLE_FOUND:
        break;
    }
    if (str_to_long(str_trim(str_c(value)), id) && *id >= min && *id < (long)UINT32_MAX)
        return true;
    log_warn("recipient %s: bad %s %s in %s", v->address, kind, value, maps_title(maps));
    misconfigured(v);
    return false;
}

// A table's answer must not lead out of virtual_mailbox_base.
static bool is_safe_path(const char *path)
{
    struct str rest = str_c(path);
    struct str piece;

    while (str_take(&rest, "/", &piece))
        if (str_is(piece, ".."))
            return false;
    return path[0] != '\0';
}

static void write_mail(const struct visit *v, struct mail_file *file, bool is_maildir)
{
    struct arena *arena = v->d->arena;
    struct error err = {0};
    bool done;

    done =
        is_maildir ? maildir_deliver(arena, file, &err) : mbox_deliver(arena, file, &err);
    if (done) {
        report(v, "2.0.0", is_maildir ? "delivered to maildir" : "delivered to mailbox");
        return;
    }
    // Over quota bounces; anything else about an existing recipient may be repaired.
    const char *dsn = strcmp(err.dsn, "5.2.2") == 0 ? "5.2.2"
                      : err.dsn[0] == '4'           ? err.dsn
                                                    : "4.2.0";
    const char *text = is_maildir
                           ? arena_printf(arena, "maildir delivery failed: %s", err.text)
                           : arena_printf(arena, "delivery failed to mailbox %s: %s",
                                          file->path, err.text);
    report(v, dsn, text);
}

static void deliver_mail(const struct visit *v, const char *mailbox, long uid, long gid)
{
    const struct delivery_request *req = v->d->req;
    const struct delivery_rcpt *rcpt = &req->rcpts[v->rcpt];
    struct arena *arena = v->d->arena;
    const char *path = arena_printf(arena, "%s/%s", config.virtual_mailbox_base, mailbox);
    bool is_maildir = path[strlen(path) - 1] == '/';
    struct mail_file file = {
        .path = path,
        .uid = privilege_is_available() ? (uid_t)uid : geteuid(),
        .gid = privilege_is_available() ? (gid_t)gid : getegid(),
        .limit = config.virtual_mailbox_limit,
        .strict_ownership = config.strict_mailbox_ownership,
        .require_dot_lock = true,
        .lock = &opened.lock,
        .queue_fd = v->d->fd,
        .data_offset = req->data_offset,
        .format = {.quote_from = !is_maildir, .blank_end = !is_maildir},
    };

    if (!is_maildir)
        file.format.from_line = mail_copy_sender(arena, req->sender, "MAILER-DAEMON");
    file.format.return_path = mail_copy_sender(arena, req->sender, "");
    file.format.delivered_to = address_quote(arena, rcpt->address);
    if (service_mail(v->d->svc)->enable_original_recipient)
        file.format.original_to =
            address_quote(arena, rcpt->orig[0] != '\0' ? rcpt->orig : rcpt->address);
    if ((req->flags & DELIVERY_VERIFY) || (req->trace_flags & (1 << 8 | 1 << 9)))
        report(v, "2.0.0", is_maildir ? "delivers to maildir" : "delivers to mailbox");
    else
        write_mail(v, &file, is_maildir);
}

static void deliver_one(const struct visit *v)
{
    const char *mailbox;
    long uid, gid;

    switch (find(v, opened.mailboxes, &mailbox)) {
    case TABLE_FAILED:
        report(v, "4.3.5", "mail system configuration error");
        return;
    case TABLE_NOT_FOUND:
        report(v, "5.1.1", arena_printf(v->d->arena, "unknown user: \"%s\"", v->address));
        return;
    case TABLE_FOUND:
        break;
    }
    if (config.virtual_mailbox_base[0] == '\0') {
        log_warn("virtual_mailbox_base is empty");
        misconfigured(v);
        return;
    }
    if (!is_safe_path(mailbox)) {
        log_warn("recipient %s: bad mailbox \"%s\" in virtual_mailbox_maps", v->address,
                 mailbox);
        misconfigured(v);
        return;
    }
    if (find_id(v, opened.uids, "uid", config.virtual_minimum_uid, &uid) &&
        find_id(v, opened.gids, "gid", 1, &gid))
        deliver_mail(v, mailbox, uid, gid);
}

static void deliver(struct delivery *d)
{
    for (size_t i = 0; i < d->req->rcpts_len; i++) {
        struct visit v = {.d = d, .rcpt = i, .address = d->req->rcpts[i].address};

        service_alive(d->svc);
        v.key = arena_lower(d->arena, str_c(v.address));
        deliver_one(&v);
    }
}

static const struct agent_spec virtual_agent = {
    .service =
        {
                  .name = "virtual",
                  .needs = SERVICE_ROOT | SERVICE_NO_CHROOT,
                  .params = virtual_params,
                  .config = &config,
                  .before_jail = prepare,
                  },
    .deliver = deliver,
};

int main(int argc, char **argv)
{
    return agent_main(argc, argv, &virtual_agent);
}
