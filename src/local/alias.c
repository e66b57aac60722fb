// alias: looking a name up in alias_maps, and delivering to what stands there.
#include "local/job.h"
#include "mail/privilege.h"
#include "util/log.h"
#include "util/text.h"
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

// Files and commands in an alias run with the rights of the alias file's owner; root's
// become default_privs. Only tables that are files have an owner.
static bool owner_of_table(const struct task *t, const char *spec, struct actor *actor)
{
    const struct local *local = t->job->local;
    const char *path = strchr(spec, ':');
    struct stat st;

    *actor = local->default_actor;
    if (!privilege_is_available() || path == NULL || path[1] != '/')
        return true;
    if (stat(arena_printf(t->job->arena, "%s.db", path + 1), &st) < 0 &&
        stat(path + 1, &st) < 0)
        return true;
    if (st.st_uid == 0)
        return true;
    if (actor_by_uid(t->job->arena, st.st_uid, actor)) {
        actor->home = actor->shell = NULL;
        return true;
    }
    log_warn("cannot find the user of uid %ld, which owns %s", (long)st.st_uid, spec);
    return false;
}

enum lookup { LOOKUP_NONE, LOOKUP_FOUND, LOOKUP_FAILED };

// Pattern tables see whole names only, not those without their extension.
static enum lookup find_alias(const struct task *t, const char *name, bool is_partial,
                              const char **value, size_t *table)
{
    struct maps *maps = t->job->local->alias_maps;
    struct error err = {0};

    for (size_t i = 0; i < maps_len(maps); i++) {
        if (is_partial && table_is_pattern(maps_table(maps, i)))
            continue;
        switch (table_find(maps_table(maps, i), t->job->arena, name, value, &err)) {
        case TABLE_FOUND:
            *table = i;
            return LOOKUP_FOUND;
        case TABLE_FAILED:
            log_warn("%s lookup of %s: %s", table_spec(maps_table(maps, i)), name,
                     err.text);
            return LOOKUP_FAILED;
        case TABLE_NOT_FOUND:
            break;
        }
    }
    return LOOKUP_NONE;
}

static const char *rewrite_local(const struct task *t, const char *address)
{
    struct error err = {0};
    const char *result;

    return rewrite_addresses(t->job->local->rewriter, t->job->arena, REWRITE_LOCAL,
                             &address, 1, &result, &err)
               ? result
               : NULL;
}

// "owner-NAME" takes over as the sender, so that trouble with a list is told to its owner.
static bool apply_owner(const struct task *t, struct task *next, const char *name)
{
    const struct local *local = t->job->local;
    struct alias_targets targets = {0};
    const char *owner = arena_printf(t->job->arena, "owner-%s", name);
    const char *value;
    size_t table;

    if (!local->mail->owner_request_special)
        return true;
    switch (find_alias(t, owner, false, &value, &table)) {
    case LOOKUP_FAILED:
        return false;
    case LOOKUP_NONE:
        if (t->job->local->cfg->reset_owner_alias && t->owner != NULL) {
            next->owner = NULL;
            next->sender = t->job->d->req->sender;
        }
        return true;
    case LOOKUP_FOUND:
        break;
    }
    next->owner = owner;
    next->sender = owner;
    if (local->cfg->expand_owner_alias &&
        alias_value_parse(t->job->arena, str_c(value), 2, &targets, NULL) &&
        targets.len == 1 && targets.items[0].kind == ALIAS_ADDRESS)
        next->sender = targets.items[0].text;
    next->sender = rewrite_local(t, next->sender);
    next->is_indirect = true;
    return next->sender != NULL;
}

static void deliver_value(const struct task *t, const char *name, const char *value,
                          size_t table, const char *unmatched)
{
    struct task next = *t;
    struct alias_targets targets = {0};
    struct error err = {0};
    const char *spec = table_spec(maps_table(t->job->local->alias_maps, table));

    // Once all of an alias was delivered to, meeting it again adds nothing. While it is
    // still being expanded it is a loop, which the level ends.
    if (seen_has(t->job, 'X', name))
        return;
    if (task_is_probe(t)) {
        task_report(t, "2.0.0", "aliased to %s", value);
        return;
    }
    next.origin = ORIGIN_ALIAS;
    next.source = name;
    next.unmatched = (t->job->local->propagate & ORIGIN_ALIAS) ? unmatched : "";
    if (!owner_of_table(t, spec, &next.actor) || !apply_owner(t, &next, name)) {
        task_report(t, "4.3.0", "alias database unavailable");
        return;
    }
    if (!alias_value_parse(t->job->arena, str_c(value), TARGETS_MAX, &targets, &err)) {
        log_warn("%s: bad alias value for %s: %s", spec, name, err.text);
        task_report(t, "5.3.5", "mail system configuration error");
        return;
    }
    deliver_targets(&next, &targets);
    (void)seen_before(t->job, 'X', name);
}

bool deliver_alias(const struct task *t)
{
    const char *names[] = {t->local, t->user};
    const char *value;
    size_t table;

    for (size_t i = 0; i < (strcmp(t->local, t->user) == 0 ? 1u : 2u); i++) {
        // A name inside its own expansion means the user.
        if (t->origin == ORIGIN_ALIAS && t->source != NULL &&
            strcasecmp(t->source, names[i]) == 0)
            return false;
        switch (find_alias(t, names[i], i > 0, &value, &table)) {
        case LOOKUP_FAILED:
            task_report(t, "4.3.0", "alias database unavailable");
            return true;
        case LOOKUP_FOUND:
            if (str_trim(str_c(value)).len == 0) {
                log_warn("%s: empty alias for %s",
                         table_spec(maps_table(t->job->local->alias_maps, table)),
                         names[i]);
                return false;
            }
            deliver_value(t, names[i], value, table, i == 0 ? "" : t->extension);
            return true;
        case LOOKUP_NONE:
            break;
        }
    }
    return false;
}
