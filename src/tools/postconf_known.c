// postconf_known: which parameters exist, where they come from, and what their defaults
// are.
#include "tools/postconf_known.h"
#include "all_params.h"
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

// Entries with equal names shrink to the first, which has the lowest class.
static void sort_unique(struct postconf *pc)
{
    size_t kept = 0;

    qsort(pc->known, pc->known_len, sizeof(*pc->known), by_name_and_class);
    for (size_t i = 0; i < pc->known_len; i++)
        if (kept == 0 || strcmp(pc->known[kept - 1].name, pc->known[i].name) != 0)
            pc->known[kept++] = pc->known[i];
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

static void add_if_set(struct postconf *pc, const char *name, void *room)
{
    if (main_cf_get(pc->main, name) != NULL)
        add(pc, room, (struct known_param){.name = name, .known_class = KNOWN_USER});
}

// smtpd_restriction_classes names parameters that hold restriction lists.
static void add_restriction_classes(struct postconf *pc, size_t *room, const char *value)
{
    struct str rest = str_c(value), piece;

    while (str_take(&rest, ", \t\r\n", &piece))
        add_if_set(pc, arena_text(pc->arena, piece), room);
}

// Look-ups need the list sorted, so that what is found new waits behind it until the end.
static void add_user_params_once(struct postconf *pc, size_t *room,
                                 const struct text_list *names)
{
    const size_t sorted_len = pc->known_len;

    for (size_t i = 0; i < names->len; i++) {
        const char *value = main_cf_get(pc->main, names->items[i]);
        const struct postconf sorted = {.known = pc->known, .known_len = sorted_len};
        if (known_find(&sorted, names->items[i]) == NULL)
            continue;
        each_reference(pc, value, add_if_set, room);
        if (strcmp(names->items[i], "smtpd_restriction_classes") == 0)
            add_restriction_classes(pc, room, value);
    }
    for (size_t e = 0; e < pc->master.len; e++)
        for (size_t i = 0; i < pc->master.entries[e].args.len; i++)
            each_reference(pc, pc->master.entries[e].args.items[i], add_if_set, room);
    sort_unique(pc);
}

void known_collect(struct postconf *pc)
{
    struct text_list names;
    size_t room = 0, before;

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
    do { // parameters that only a value makes known may refer to others
        before = pc->known_len;
        add_user_params_once(pc, &room, &names);
    } while (pc->known_len > before);
}

static void warn_if_undefined(struct postconf *pc, const char *name, void *ctx)
{
    struct text_list *seen = ctx;

    if (known_find(pc, name) != NULL || main_cf_get(pc->main, name) != NULL ||
        text_list_has_nocase(seen, name))
        return;
    text_list_add(pc->arena, seen, name);
    log_warn("%s/main.cf: undefined parameter: %s", pc->dir, name);
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

static void warn_unused_options(const struct postconf *pc, const struct master_entry *e)
{
    for (size_t i = 0; i + 1 < e->args.len; i++) {
        struct str name, value;

        if (strcmp(e->args.items[i], "-o") != 0 ||
            !text_split_pair(str_c(e->args.items[i + 1]), &name, &value))
            continue;
        if (known_find(pc, arena_text(pc->arena, name)) == NULL)
            log_warn("%s/master.cf: unused parameter: %s", pc->dir, e->args.items[i + 1]);
    }
}

void known_warn(struct postconf *pc)
{
    struct text_list names, undefined = {NULL, 0};

    main_cf_names(pc->main, pc->arena, &names);
    for (size_t i = 0; i < names.len; i++) {
        const char *name = names.items[i], *value = main_cf_get(pc->main, name);
        if (known_find(pc, name) == NULL && !belongs_to_table(pc, name, &names))
            log_warn("%s/main.cf: unused parameter: %s=%s", pc->dir, name, value);
        else
            each_reference(pc, value, warn_if_undefined, &undefined);
    }
    for (size_t i = 0; i < pc->master.len; i++)
        warn_unused_options(pc, &pc->master.entries[i]);
}
