// master_reload: a new configuration takes over only when everything that runs could load
// it.
//
// First all is prepared beside the running services: the files are read, new sockets
// opened, and for each service that runs a template is started. When the last template has
// reported ready, all services switch at once; the old workers finish their clients and
// leave. When anything fails, what was prepared is thrown away and the old configuration
// stays.
#include "master/master_reload.h"
#include "master/master_generation.h"
#include "master/master_notify.h"
#include "master/master_pool.h"
#include "master/master_service.h"
#include "util/log.h"
#include <pwd.h>
#include <string.h>

enum { RELOAD_LIMIT_MS = 120 * 1000 };

static bool find_owner(const struct master *master, const struct mail_config *mail,
                       bool patient, struct listen_owner *owner, struct error *err)
{
    *owner = (struct listen_owner){.patient = patient};
    if (master->is_rootless)
        return true;
    const struct passwd *user = getpwnam(mail->mail_owner);
    if (user == NULL)
        return error_config(err, "mail_owner: unknown user: %s", mail->mail_owner);
    owner->change = true;
    owner->uid = user->pw_uid;
    owner->gid = user->pw_gid;
    return true;
}

static struct master_service *find_service(const struct master *master,
                                           const struct master_entry *entry)
{
    for (struct master_service *s = master->services; s != NULL; s = s->next)
        if (s->entry != NULL && s->entry->type == entry->type &&
            strcmp(s->entry->name, entry->name) == 0)
            return s;
    return NULL;
}

// Opens the sockets of every service of `gen` into new_listen.
static bool prepare_sockets(struct master *master, struct generation *gen, bool first,
                            struct error *err)
{
    const struct mail_config *mail = generation_mail(gen);
    struct listen_owner owner;

    if (!find_owner(master, mail, first, &owner, err))
        return false;
    for (size_t i = 0; i < gen->services.len; i++) {
        const struct master_entry *entry = &gen->services.entries[i];

        if (generation_is_disabled(gen, entry))
            continue;
        struct master_service *service = find_service(master, entry);
        if (service == NULL) {
            service = service_new(master);
            service->entry = entry;
        }
        service->is_listed = true;
        service->new_entry = entry;
        if (!listen_open(entry, mail, &gen->cfg, owner, &service->listen,
                         &service->new_listen, err))
            return false;
        if (service->new_listen.len == 0)
            log_warn("service %s: inet_protocols leaves no address to listen on",
                     entry->name);
    }
    return true;
}

static bool has_processes(const struct pool *pool)
{
    return pool != NULL && pool->live > 0;
}

static bool prepare_templates(struct master *master, struct generation *gen,
                              struct error *err)
{
    for (struct master_service *s = master->services; s != NULL; s = s->next) {
        if (!s->is_listed || (!has_processes(s->current) && !has_processes(s->stressed)))
            continue;
        s->candidate = pool_new(s, gen, s->new_entry, false, err);
        if (s->candidate == NULL || !pool_start_template(s->candidate, err))
            return error_prefix(err, "service %s", s->new_entry->name);
    }
    return true;
}

static void discard_candidate(struct master_service *service)
{
    struct pool *pool = service->candidate;

    service->candidate = NULL;
    if (pool == NULL)
        return;
    pool_drain(pool);
    pool->next = service->old;
    service->old = pool;
    service_forget_old_pools(service);
}

// A service that came with the failed reload is left without entry and sockets.
static void discard_sockets(struct master_service *service)
{
    bool is_new = service->listen.len == 0 && service->current == NULL &&
                  service->entry == service->new_entry;

    if (service->is_listed)
        listen_release(&service->new_listen, &service->listen);
    service->new_listen = (struct listen_set){.len = 0};
    service->new_entry = NULL;
    service->is_listed = false;
    if (is_new)
        service->entry = NULL;
}

// Leaves everything as it was before.
static void undo(struct master *master)
{
    loop_timer_clear(master->reload_limit);
    for (struct master_service *s = master->services; s != NULL; s = s->next) {
        discard_candidate(s);
        discard_sockets(s);
    }
    generation_release(master->new_gen);
    master->new_gen = NULL;
}

void reload_cancel(struct master *master)
{
    master->reload_again = false;
    if (master->new_gen != NULL)
        undo(master);
}

static void abandon(struct master *master, const char *reason)
{
    log_warn("reload: %s", reason);
    log_warn("reload failed: the previous configuration stays in force");
    undo(master);
    notify_ready(master);
    if (master->reload_again)
        reload_begin(master);
}

static void switch_service(struct master_service *service)
{
    service_pause(service);
    service_retire_pools(service);
    listen_release(&service->listen, service->is_listed ? &service->new_listen : NULL);
    service->listen = service->new_listen;
    service->new_listen = (struct listen_set){.len = 0};
    service->current = service->candidate;
    service->candidate = NULL;
    service->entry = service->is_listed ? service->new_entry : NULL;
    service->stress_until_ms = 0;
    service->warned_at_ms = 0;
}

static void commit(struct master *master)
{
    struct generation *old = master->gen;

    loop_timer_clear(master->reload_limit);
    for (struct master_service *s = master->services; s != NULL; s = s->next)
        switch_service(s);
    master->gen = master->new_gen;
    master->new_gen = NULL;
    for (struct master_service *s = master->services; s != NULL; s = s->next) {
        if (s->is_listed)
            service_begin(s, s->new_entry);
        s->is_listed = false;
        s->new_entry = NULL;
    }
    generation_release(old);
    // Only now: whoever reads this line may rely on what comes next being treated by it.
    log_info("reload -- version %s, configuration %s",
             generation_mail(master->gen)->mail_version,
             generation_mail(master->gen)->config_directory);
    notify_ready(master);
    if (master->reload_again)
        reload_begin(master);
}

void reload_template_ready(struct master *master)
{
    for (const struct master_service *s = master->services; s != NULL; s = s->next)
        if (s->candidate != NULL &&
            (s->candidate->template == NULL || !s->candidate->template->is_ready))
            return;
    if (master->new_gen != NULL)
        commit(master);
}

void reload_template_failed(struct master *master, struct master_service *service)
{
    struct arena *arena = arena_new();

    abandon(master, arena_printf(arena,
                                 "service %s does not start with the new configuration "
                                 "(its reason is logged above)",
                                 service->entry->name));
    arena_free(arena);
}

static void took_too_long(void *arg)
{
    abandon(arg, "a service does not get ready with the new configuration");
}

// What cannot change under running processes.
static bool is_compatible(const struct master *master, const struct generation *gen,
                          struct error *err)
{
    const struct mail_config *now = generation_mail(master->gen);
    const struct mail_config *then = generation_mail(gen);
    const struct {
        const char *name, *now, *then;
    } fixed[] = {
        {"queue_directory",      now->queue_directory,      then->queue_directory     },
        {"data_directory",       now->data_directory,       then->data_directory      },
        {"process_id_directory", now->process_id_directory, then->process_id_directory},
    };

    for (size_t i = 0; i < COUNT(fixed); i++)
        if (strcmp(fixed[i].now, fixed[i].then) != 0)
            return error_config(err,
                                "%s changed from \"%s\" to \"%s\": to change it, stop and "
                                "start the mail system",
                                fixed[i].name, fixed[i].now, fixed[i].then);
    return true;
}

void reload_begin(struct master *master)
{
    struct error err;

    master->reload_again = master->new_gen != NULL;
    if (master->reload_again || master->stopping != STOP_NONE)
        return;
    if (master->reload_limit == NULL)
        master->reload_limit = loop_timer_new(master->loop, took_too_long, master);
    notify_reloading(master);
    master->new_gen = generation_load(master->config_dir, &err);
    if (master->new_gen == NULL || !is_compatible(master, master->new_gen, &err) ||
        !prepare_sockets(master, master->new_gen, false, &err) ||
        !prepare_templates(master, master->new_gen, &err)) {
        abandon(master, err.text);
        return;
    }
    loop_timer_set(master->reload_limit, RELOAD_LIMIT_MS);
    reload_template_ready(master); // there may be none to wait for
}

bool reload_first(struct master *master, struct error *err)
{
    if (!prepare_sockets(master, master->gen, true, err))
        return false;
    for (struct master_service *s = master->services; s != NULL; s = s->next) {
        s->listen = s->new_listen;
        s->new_listen = (struct listen_set){.len = 0};
        s->is_listed = false;
        s->new_entry = NULL;
    }
    return true;
}
