// postconf_known: which parameters exist, where they come from, and what their defaults
// are.
#include "tools/postconf_known.h"
#include "all_params.h"
#include "tools/postconf_print.h"
#include "util/log.h"
#include <stdlib.h>

// Parameters of a delivery transport: <name><suffix>, each inheriting from another
// parameter.
static const struct {
    const char *suffix, *default_text;
} transport_params[] = {
    {"_delivery_slot_cost",                          "$default_delivery_slot_cost"           },
    {"_delivery_slot_discount",                      "$default_delivery_slot_discount"       },
    {"_delivery_slot_loan",                          "$default_delivery_slot_loan"           },
    {"_destination_concurrency_failed_cohort_limit",
     "$default_destination_concurrency_failed_cohort_limit"                                  },
    {"_destination_concurrency_limit",               "$default_destination_concurrency_limit"},
    {"_destination_concurrency_negative_feedback",
     "$default_destination_concurrency_negative_feedback"                                    },
    {"_destination_concurrency_positive_feedback",
     "$default_destination_concurrency_positive_feedback"                                    },
    {"_destination_rate_delay",                      "$default_destination_rate_delay"       },
    {"_destination_recipient_limit",                 "$default_destination_recipient_limit"  },
    {"_extra_recipient_limit",                       "$default_extra_recipient_limit"        },
    {"_initial_destination_concurrency",             "$initial_destination_concurrency"      },
    {"_minimum_delivery_slots",                      "$default_minimum_delivery_slots"       },
    {"_recipient_limit",                             "$default_recipient_limit"              },
    {"_recipient_refill_delay",                      "$default_recipient_refill_delay"       },
    {"_recipient_refill_limit",                      "$default_recipient_refill_limit"       },
    {"_transport_rate_delay",                        "$default_transport_rate_delay"         },
};

static const char *const delivery_programs[] = {"smtp", "lmtp",  "local",  "virtual",
                                                "pipe", "error", "discard"};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct known_param *)a)->name,
                  ((const struct known_param *)b)->name);
}

const struct known_param *known_find(const struct postconf *pc, const char *name)
{
    struct known_param key = {.name = name};

    return pc->known_len == 0
               ? NULL
               : bsearch(&key, pc->known, pc->known_len, sizeof(key), by_name);
}

const char *known_default(const struct postconf *pc, const struct known_param *known)
{
    if (known->param == NULL)
        return known->default_text;
    if (known->param->compute != NULL)
        return known->param->compute(pc->main, pc->arena);
    return known->param->value;
}

const char *known_default_by_name(const char *name, void *ctx)
{
    const struct postconf *pc = ctx;
    const struct known_param *known = known_find(pc, name);

    return known == NULL ? NULL : known_default(pc, known);
}

static void add(struct postconf *pc, size_t *room, struct known_param known)
{
    if (pc->known_len == *room) {
        size_t more = *room == 0 ? 2048 : 2 * *room;
        struct known_param *items = arena_array(pc->arena, more, sizeof(*items));

        if (pc->known_len > 0)
            memcpy(items, pc->known, pc->known_len * sizeof(*items));
        pc->known = items;
        *room = more;
    }
    pc->known[pc->known_len++] = known;
}

static int by_name_and_class(const void *a, const void *b)
{
    int order = by_name(a, b);
    unsigned x = ((const struct known_param *)a)->known_class;
    unsigned y = ((const struct known_param *)b)->known_class;

    return order != 0 ? order : x < y ? -1 : x > y;
}

// Entries with equal names shrink to the first, and that belongs to all their classes.
static void sort_unique(struct postconf *pc)
{
    size_t kept = 0;

    qsort(pc->known, pc->known_len, sizeof(*pc->known), by_name_and_class);
    for (size_t i = 0; i < pc->known_len; i++)
        if (kept == 0 || strcmp(pc->known[kept - 1].name, pc->known[i].name) != 0)
            pc->known[kept++] = pc->known[i];
        else if (pc->known[i].known_class ==
                 KNOWN_SERVICE) // local_destination_recipient_limit
                                // is built in and a service's
            pc->known[kept - 1].known_class |= pc->known[i].known_class;
    pc->known_len = kept;
}

static bool is_delivery_program(const char *command)
{
    for (size_t i = 0; i < COUNT(delivery_programs); i++)
        if (strcmp(delivery_programs[i], command) == 0)
            return true;
    return false;
}

static void add_service_params(struct postconf *pc, size_t *room,
                               const struct master_entry *e)
{
    if (e->type != MASTER_UNIX)
        return;
    for (size_t i = 0; is_delivery_program(e->command) && i < COUNT(transport_params); i++)
        add(pc, room,
            (struct known_param){.name = arena_printf(pc->arena, "%s%s", e->name,
                                                      transport_params[i].suffix),
                                 .known_class = KNOWN_SERVICE,
                                 .default_text = transport_params[i].default_text});
    if (strcmp(e->command, "pipe") == 0 || strcmp(e->command, "spawn") == 0)
        add(pc, room,
            (struct known_param){.name = arena_printf(pc->arena, "%s_time_limit", e->name),
                                 .known_class = KNOWN_SERVICE,
                                 .default_text = "$command_time_limit"});
}

typedef void reference_found(struct postconf *pc, const char *name, void *ctx);

// Calls found(name) for each $name, ${name...} and $(name...) in a value.
static void each_reference(struct postconf *pc, const char *text, reference_found *found,
                           void *ctx)
{
    for (const char *p = strchr(text, '$'); p != NULL; p = strchr(p, '$')) {
        p++;
        if (*p == '$') {
            p++;
            continue;
        }
        if (*p == '{' || *p == '(')
            p++;
        size_t len = 0;
        while (ascii_is_alnum(p[len]) || p[len] == '_')
            len++;
        if (len > 0)
            found(pc, arena_text(pc->arena, str_n(p, len)), ctx);
    }
}

static void add_if_in_main(struct postconf *pc, const char *name, void *room)
{
    if (main_cf_get(pc->main, name) != NULL)
        add(pc, room,
            (struct known_param){
                .name = name, .known_class = KNOWN_USER, .default_text = ""});
}

// What main.cf refers to may also be set by a service.
static void add_if_set(struct postconf *pc, const char *name, void *room)
{
    bool set = main_cf_get(pc->main, name) != NULL;

    for (size_t i = 0; !set && i < pc->master.len; i++)
        set = entry_option(&pc->master.entries[i], str_c(name)) != SIZE_MAX;
    if (set)
        add(pc, room,
            (struct known_param){
                .name = name, .known_class = KNOWN_USER, .default_text = ""});
}

// smtpd_restriction_classes names parameters that hold restriction lists.
static void add_restriction_classes(struct postconf *pc, size_t *room, const char *value)
{
    struct str rest = str_c(value), piece;

    while (str_take(&rest, ", \t\r\n", &piece))
        add_if_set(pc, arena_text(pc->arena, piece), room);
}

// Names that a table of the form ldap:NAME reads, as NAME_server_host and so on.
static bool belongs_to_table(const struct postconf *pc, const char *name,
                             const struct text_list *names)
{
    static const char *const types[] = {
        "ldap:", "mysql:", "pgsql:", "sqlite:", "memcache:", "mongodb:"};

    for (size_t i = 0; i < names->len; i++) {
        const char *value = main_cf_get(pc->main, names->items[i]);
        for (size_t t = 0; t < COUNT(types); t++)
            for (const char *p = strstr(value, types[t]); p != NULL;
                 p = strstr(p, types[t])) {
                p += strlen(types[t]);
                size_t len = strcspn(p, ", \t\r\n}");
                if (len > 0 && strncmp(name, p, len) == 0 && name[len] == '_')
                    return true;
            }
    }
    return false;
}

static void add_user_params(struct postconf *pc, size_t *room,
                            const struct text_list *names)
{
    for (size_t i = 0; i < names->len; i++) {
        const char *name = names->items[i], *value = main_cf_get(pc->main, name);
        each_reference(pc, value, add_if_set, room);
        if (strcmp(name, "smtpd_restriction_classes") == 0)
            add_restriction_classes(pc, room, value);
        if (belongs_to_table(pc, name, names))
            add_if_set(pc, name, room);
    }
    for (size_t e = 0; e < pc->master.len; e++)
        for (size_t i = 0; i < entry_options_end(&pc->master.entries[e]); i++)
            each_reference(pc, pc->master.entries[e].args.items[i], add_if_in_main, room);
    sort_unique(pc);
}

void known_collect(struct postconf *pc)
{
    struct text_list names;
    size_t room = 0;

    pc->known = NULL;
    pc->known_len = 0;
    for (size_t t = 0; all_params[t] != NULL; t++)
        for (const struct param *p = all_params[t]; p->name != NULL; p++)
            add(pc, &room,
                (struct known_param){
                    .name = p->name, .known_class = KNOWN_BUILTIN, .param = p});
    for (size_t i = 0; i < pc->master.len; i++)
        add_service_params(pc, &room, &pc->master.entries[i]);
    sort_unique(pc);
    main_cf_names(pc->main, pc->arena, &names);
    add_user_params(pc, &room, &names);
}

// Where values come from that are searched for unknown names.
struct undefined {
    const char *file; // main.cf or master.cf
    const struct master_entry *entry;
    struct text_list seen; // each name is told once for each file
};

static void warn_if_undefined(struct postconf *pc, const char *name, void *ctx)
{
    struct undefined *u = ctx;
    const struct known_param *known = known_find(pc, name);

    if (known != NULL && known->known_class == KNOWN_USER && u->entry != NULL)
        known = NULL; // perhaps another service's
    if (known != NULL || main_cf_get(pc->main, name) != NULL ||
        (u->entry != NULL && entry_option(u->entry, str_c(name)) != SIZE_MAX) ||
        text_list_has_nocase(&u->seen, name))
        return;
    text_list_add(pc->arena, &u->seen, name);
    log_warn("%s/%s: undefined parameter: %s", pc->dir, u->file, name);
}

struct wanted {
    const char *name;
    bool found;
};

static void compare_reference(struct postconf *pc, const char *name, void *ctx)
{
    struct wanted *w = ctx;

    (void)pc;
    w->found = w->found || strcmp(name, w->name) == 0;
}

// An option may serve the others of its service only.
static bool refers_to(struct postconf *pc, const struct master_entry *e, const char *name)
{
    struct wanted w = {.name = name};

    for (size_t i = 0; i < entry_options_end(e); i++)
        each_reference(pc, e->args.items[i], compare_reference, &w);
    return w.found;
}

static void warn_options(struct postconf *pc, struct undefined *u,
                         const struct master_entry *e)
{
    u->entry = e;
    for (size_t i = 0; i + 1 < entry_options_end(e); i++) {
        struct str name, value;

        if (strcmp(e->args.items[i], "-o") != 0 ||
            !text_split_pair(str_c(e->args.items[i + 1]), &name, &value) ||
            entry_option(e, name) != i + 1)
            continue;
        const char *text = arena_text(pc->arena, name);
        if (known_find(pc, text) == NULL && !refers_to(pc, e, text))
            log_warn("%s/master.cf: unused parameter: %s", pc->dir, e->args.items[i + 1]);
        else
            each_reference(pc, arena_text(pc->arena, value), warn_if_undefined, u);
    }
}

void known_warn(struct postconf *pc, bool master_only)
{
    struct text_list names;
    struct undefined main_names = {.file = "main.cf"}, master_names = {.file = "master.cf"};

    main_cf_names(pc->main, pc->arena, &names);
    for (size_t i = 0; i < names.len; i++) {
        const char *name = names.items[i], *value = main_cf_get(pc->main, name);
        const struct known_param *known = known_find(pc, name);
        if (known != NULL && known->param != NULL && known->param->kind == PARAM_KIND_RAW)
            continue; // its names are known when mail comes
        each_reference(pc, value, warn_if_undefined, &main_names);
        if (known == NULL && !master_only)
            log_warn("%s/main.cf: unused parameter: %s=%s", pc->dir, name, value);
    }
    for (size_t i = 0; i < pc->master.len; i++)
        warn_options(pc, &master_names, &pc->master.entries[i]);
}
