// shared: one handle in the process for each table that is used with the same flags. The
// list here is the process's own state by its nature, like a table of open files.
#include "table/shared.h"
#include "table/maps.h"
#include "util/log.h"
#include <stdlib.h>

struct handle {
    struct handle *next;
    struct table *table;
    unsigned flags;
    size_t users;
};

static struct handle *handles;

struct table *shared_table_open(const char *spec, unsigned flags, struct error *err)
{
    struct table *table;
    struct handle *h;

    for (h = handles; h != NULL; h = h->next)
        if (h->flags == flags && str_is(str_c(spec), table_spec(h->table))) {
            h->users++;
            return h->table;
        }
    table = table_open(spec, NULL, flags, err);
    if (table == NULL)
        return NULL;
    if (table_open_error(table) != NULL)
        log_error("%s", table_open_error(table)->text);
    h = mem_alloc(sizeof(*h));
    *h = (struct handle){.next = handles, .table = table, .flags = flags, .users = 1};
    handles = h;
    return table;
}

void shared_table_close(struct table *t)
{
    for (struct handle **p = &handles; *p != NULL; p = &(*p)->next) {
        struct handle *h = *p;

        if (h->table != t)
            continue;
        if (--h->users == 0) {
            *p = h->next;
            table_close(t);
            free(h);
        }
        return;
    }
}

bool maps_refresh_all(void)
{
    bool reopened = false;
    struct error err;

    for (struct handle *h = handles; h != NULL; h = h->next) {
        bool was_broken = table_open_error(h->table) != NULL;

        if (!table_has_changed(h->table))
            continue;
        if (table_reopen(h->table, &err)) {
            log_info("table %s has changed -- read anew", table_spec(h->table));
            reopened = true;
        } else if (!was_broken) {
            log_warn("table %s has changed, but the old one stays in use: %s",
                     table_spec(h->table), err.text);
        }
    }
    return reopened;
}

void maps_after_fork(void)
{
    struct error err;

    for (struct handle *h = handles; h != NULL; h = h->next)
        if (table_is_fork_unsafe(h->table) && !table_reopen(h->table, &err))
            log_error("%s: %s", table_spec(h->table), err.text);
}
