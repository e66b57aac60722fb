// qshape_count: recipients (or senders) counted by domain and age.
#include "tools/qshape_count.h"
#include "util/arena.h"
#include "util/text.h"
#include <stdlib.h>
#include <uthash.h>

// At least so many columns are for the name.
#define NAME_MIN 18

struct domain {
    const char *name; // ".example.com" for a parent domain
    long *by_age;     // [0] is the sum
    long subdomains;  // direct ones, of a parent domain
    UT_hash_handle hh;
};

struct counts {
    const struct qshape_options *opt;
    int64_t now;
    struct arena *arena;
    struct domain *domains;
    long *total;
};

static long *new_row(struct counts *c)
{
    return arena_array(c->arena, (size_t)c->opt->buckets + 1, sizeof(long));
}

struct counts *counts_new(const struct qshape_options *opt, int64_t now)
{
    struct counts *c = mem_alloc(sizeof(*c));

    c->opt = opt;
    c->now = now;
    c->arena = arena_new();
    c->total = new_row(c);
    return c;
}

void counts_free(struct counts *c)
{
    HASH_CLEAR(hh, c->domains);
    arena_free(c->arena);
    free(c);
}

// The first bucket is younger than one tick; each further one is as long as all before it,
// or one tick if linear; the last has no end.
static long bucket_of(const struct counts *c, int64_t arrival)
{
    int64_t ticks = (c->now - arrival) / (60 * c->opt->tick_minutes);
    long bucket = 1;

    if (c->opt->linear)
        bucket = ticks >= c->opt->buckets ? c->opt->buckets : (long)ticks + 1;
    else
        for (; ticks > 0 && bucket < c->opt->buckets; ticks /= 2)
            bucket++;
    return bucket < 1 ? 1 : bucket;
}

// Lower case, without empty labels.
static char *clean_domain(struct arena *arena, struct str address)
{
    size_t at = str_rindex(address, '@');
    struct str domain = at == SIZE_MAX ? address : str_from(address, at + 1);
    char *text = arena_lower(arena, domain), *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (*from != '.' || (to > text && to[-1] != '.'))
            *to++ = *from;
    if (to - text > 1 && to[-1] == '.')
        to--;
    *to = '\0';
    return text;
}

// True when it was not known before.
static bool count_domain(struct counts *c, const char *name, long bucket)
{
    struct domain *d;
    bool is_new;

    HASH_FIND_STR(c->domains, name, d);
    is_new = d == NULL;
    if (is_new) {
        d = ARENA_NEW(c->arena, struct domain);
        d->name = arena_strdup(c->arena, name);
        d->by_age = new_row(c);
        HASH_ADD_KEYPTR(hh, c->domains, d->name, strlen(d->name), d);
    }
    d->by_age[0]++;
    d->by_age[bucket]++;
    return is_new;
}

static void count_parents(struct counts *c, char *name, bool is_new, long bucket)
{
    char *dot;

    for (; (dot = strchr(name + 1, '.')) != NULL && strchr(dot + 1, '.') != NULL;
         name = dot) {
        bool parent_is_new = count_domain(c, dot, bucket);
        struct domain *d;

        HASH_FIND_STR(c->domains, dot, d);
        d->subdomains += is_new;
        is_new = parent_is_new;
    }
}

void counts_add(struct counts *c, int64_t arrival, struct str address)
{
    long bucket = bucket_of(c, arrival);
    struct arena *arena = arena_new();
    // compat: the null sender goes by its usual name.
    char *name = address.len == 0 ? arena_strdup(arena, "MAILER-DAEMON")
                                  : clean_domain(arena, address);
    bool is_new = count_domain(c, name, bucket);

    c->total[0]++;
    c->total[bucket]++;
    if (c->opt->parents && name[0] != '\0')
        count_parents(c, name, is_new, bucket);
    arena_free(arena);
}

// ---- the table
// ----------------------------------------------------------------------------------

struct layout {
    int *widths; // of the columns
    int name_width;
};

static const char *heading(const struct counts *c, long column, char text[32])
{
    long limit = c->opt->tick_minutes, last = c->opt->buckets - 1;

    if (column == 0)
        return "T";
    for (long i = 1; i < column && i < last; i++)
        limit = c->opt->linear ? limit + c->opt->tick_minutes : limit * 2;
    if (column > last && last == 0)
        limit = 0;
    snprintf(text, 32, "%ld%s", limit, column > last ? "+" : "");
    return text;
}

static struct layout lay_out(struct counts *c, struct arena *arena)
{
    long columns = c->opt->buckets + 1, left = c->opt->width;
    struct layout l = {arena_array(arena, (size_t)columns, sizeof(int)), 0};
    char text[32];

    for (long i = 0; i < columns; i++) {
        int number = snprintf(text, sizeof(text), "%ld", c->total[i]);
        int title = (int)strlen(heading(c, i, text));
        int width = number > title ? number : title;

        l.widths[i] = width > 2 ? width + 1 : 3;
        left -= l.widths[i];
    }
    l.name_width = left < NAME_MIN ? NAME_MIN : (int)left;
    return l;
}

// A name that is too long loses its start.
static void print_name(const struct layout *l, const char *name, FILE *out)
{
    int len = (int)strlen(name), width = l->name_width;

    if (len <= width)
        fprintf(out, "%*s", width, name);
    else if (name[0] == '.')
        fprintf(out, ".+%s", name + len - (width - 2));
    else
        fprintf(out, "+%s", name + len - (width - 1));
}

static void print_row(const struct counts *c, const struct layout *l, const char *name,
                      const long *row, FILE *out)
{
    print_name(l, name, out);
    for (long i = 0; i <= c->opt->buckets; i++)
        fprintf(out, "%*ld", l->widths[i], row[i]);
    putc('\n', out);
}

static int compare(struct domain *a, struct domain *b)
{
    size_t a_len = strlen(a->name), b_len = strlen(b->name);

    if (a->by_age[0] != b->by_age[0])
        return a->by_age[0] > b->by_age[0] ? -1 : 1;
    if (a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return strcmp(a->name, b->name);
}

void counts_print(struct counts *c, FILE *out)
{
    struct arena *arena = arena_new();
    struct layout l = lay_out(c, arena);
    struct domain *d, *next;
    char text[32];
    long shown = 1;

    print_name(&l, "", out);
    for (long i = 0; i <= c->opt->buckets; i++)
        fprintf(out, "%*s", l.widths[i], heading(c, i, text));
    putc('\n', out);
    print_row(c, &l, "TOTAL", c->total, out);
    HASH_SORT(c->domains, compare);
    HASH_ITER(hh, c->domains, d, next)
    {
        if (d->name[0] == '.' && d->subdomains < c->opt->min_subdomains)
            continue;
        if (c->opt->top > 0 && ++shown > c->opt->top)
            break;
        print_row(c, &l, d->name, d->by_age, out);
    }
    fflush(out);
    arena_free(arena);
}
