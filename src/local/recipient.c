// recipient: the order in which local(8) looks for a place to deliver to.
#include "local/job.h"
#include "mail/privilege.h"
#include "util/log.h"
#include "util/text.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_loop(const struct task *t)
{
    return text_list_has_nocase(&t->job->delivered, t->address);
}

// mailbox_transport_maps and fallback_transport_maps are indexed by the bare name.
static bool find_transport(const struct task *t, struct maps *maps, const char *otherwise,
                           const char **transport)
{
    struct error err = {0};
    const char *value;

    switch (maps_is_empty(maps)
                ? TABLE_NOT_FOUND
                : maps_find(maps, t->job->arena, t->user, 0, &value, &err)) {
    case TABLE_FOUND:
        *transport = value;
        return true;
    case TABLE_FAILED:
        task_report(t, "4.3.5", "mail system configuration error");
        log_warn("%s lookup of %s: %s", maps_title(maps), t->user, err.text);
        *transport = NULL;
        return true;
    case TABLE_NOT_FOUND:
        break;
    }
    *transport = otherwise;
    return otherwise[0] != '\0';
}

static bool deliver_by_transport(const struct task *t, struct maps *maps,
                                 const char *otherwise)
{
    const char *transport;

    if (!find_transport(t, maps, otherwise, &transport))
        return false;
    if (transport != NULL)
        deliver_pass(t, transport);
    return true;
}

// Mail about mail must not bounce: RFC 5321 4.5.1 wants these to exist.
static bool discard_for_system(const struct task *t)
{
    if (strcmp(t->user, "postmaster") != 0 && strcmp(t->user, "mailer-daemon") != 0)
        return false;
    log_warn("required alias not found: %s", t->user);
    task_report(t, "2.0.0", "discarded");
    return true;
}

static void deliver_unknown(const struct task *t)
{
    const struct local *local = t->job->local;
    const char *relay;
    struct error err = {0};

    if (deliver_by_transport(t, local->fallback_transport_maps,
                             local->cfg->fallback_transport))
        return;
    if (local->cfg->luser_relay[0] == '\0') {
        if (!discard_for_system(t))
            task_report(t, "5.1.1", "unknown user: \"%s\"", t->user);
        return;
    }
    if (!task_expand(t, local->cfg->luser_relay, NULL, &relay, &err)) {
        log_warn("luser_relay: %s", err.text);
        task_report(t, "4.3.5", "mail system configuration error");
        return;
    }
    struct task next = *t;
    next.level++;
    deliver_address(&next, relay);
}

static bool home_is_there(const struct task *t)
{
    struct stat st;

    if (!t->job->local->cfg->require_home_directory || stat(t->actor.home, &st) == 0)
        return true;
    task_report(t, "4.3.0", "cannot find home directory of user %s", t->user);
    return false;
}

static void deliver_user(const struct task *t)
{
    const struct local *local = t->job->local;

    if (!home_is_there(t))
        return;
    if (!t->is_mailbox && deliver_dotforward(t))
        return;
    if (deliver_by_transport(t, local->mailbox_transport_maps,
                             local->cfg->mailbox_transport))
        return;
    if (!seen_before(t->job, 'M', arena_lower(t->job->arena, str_c(t->address))))
        deliver_mailbox(t);
}

void deliver_recipient(struct task t)
{
    const struct local *local = t.job->local;
    struct error err = {0};
    struct actor user;
    bool found;

    if (t.level > LEVEL_MAX) {
        log_warn("alias database loop for %s", t.user);
        task_report(&t, "5.4.6", "alias database loop for %s", t.user);
        return;
    }
    if (t.level > 0 && !local->cfg->frozen_delivered_to)
        t.delivered_to = t.address;
    if (is_loop(&t)) {
        task_report(&t, "5.4.6", "mail forwarding loop for %s", t.address);
        return;
    }
    if (!t.is_mailbox && deliver_alias(&t))
        return;
    // A user's own .forward file leads here a second time, for the mailbox.
    if ((!t.is_mailbox || t.origin == ORIGIN_ALIAS) &&
        seen_before(t.job, 'A', arena_lower(t.job->arena, str_c(t.address))))
        return;
    if (!actor_find(t.job->arena, t.user, &user, &found, &err)) {
        task_report_error(&t, &err, "");
        return;
    }
    if (found) {
        t.actor = user;
        deliver_user(&t);
    } else if (!deliver_by_transport(&t, local->mailbox_transport_maps,
                                     local->cfg->mailbox_transport)) {
        deliver_unknown(&t);
    }
}
