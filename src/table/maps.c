// maps: an ordered list of tables, and the search orders for addresses.
#include "table/maps.h"
#include "table/shared.h"
#include "util/log.h"
#include <stdlib.h>

struct maps {
    const char *title;
    struct table **tables;
    size_t len;
};

struct maps *maps_open(const char *title, const char *text, unsigned flags,
                       struct error *err)
{
    struct arena *arena = arena_new();
    struct text_list list = {NULL, 0};
    struct maps *m = mem_alloc(sizeof(*m));

    m->title = mem_strdup(title);
    if (!text_list_parse(arena, text, &list, err))
        goto failed;
    m->tables = mem_alloc((list.len + 1) * sizeof(*m->tables));
    for (size_t i = 0; i < list.len; i++) {
        m->tables[i] = shared_table_open(list.items[i], flags, err);
        if (m->tables[i] == NULL)
            goto failed;
        m->len++;
    }
    arena_free(arena);
    return m;

failed:
    arena_free(arena);
    maps_close(m);
    error_prefix(err, "parameter %s", title);
    return NULL;
}

void maps_close(struct maps *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->len; i++)
        shared_table_close(m->tables[i]);
    free(m->tables);
    free((char *)(uintptr_t)m->title);
    free(m);
}

bool maps_is_empty(const struct maps *m)
{
    return m == NULL || m->len == 0;
}

const char *maps_title(const struct maps *m)
{
    return m->title;
}

size_t maps_len(const struct maps *m)
{
    return m->len;
}

struct table *maps_table(const struct maps *m, size_t i)
{
    return m->tables[i];
}

bool maps_may_wait(const struct maps *m)
{
    for (size_t i = 0; m != NULL && i < m->len; i++)
        if (table_may_wait(m->tables[i]))
            return true;
    return false;
}

// compat: an empty result says neither yes nor no; the table is at fault.
static enum table_result refuse_empty(const struct maps *m, const struct table *t,
                                      const char *key, struct error *err)
{
    log_warn("%s lookup of %s returns an empty string result", m->title, key);
    log_warn("%s should return NO RESULT in case of NOT FOUND", m->title);
    error_temp(err, "4.3.0", "%s: empty result for \"%s\" in %s", m->title, key,
               table_spec(t));
    return TABLE_FAILED;
}

enum table_result maps_find(struct maps *m, struct arena *arena, const char *key,
                            unsigned flags, const char **value, struct error *err)
{
    const char *found;
    struct error why;

    for (size_t i = 0; m != NULL && i < m->len; i++) {
        struct table *t = m->tables[i];

        if ((flags & MAPS_SKIP_PATTERNS) && table_is_pattern(t))
            continue;
        switch (table_find(t, arena, key, &found, &why)) {
        case TABLE_NOT_FOUND:
            continue;
        case TABLE_FAILED:
            // Logged here, as two lines that administrators know, so that no caller has to.
            log_warn("%s", why.text);
            log_warn("%s lookup error for \"%s\"", table_spec(t), key);
            if (err != NULL)
                *err = why;
            return TABLE_FAILED;
        case TABLE_FOUND:
            if (found[0] == '\0')
                return refuse_empty(m, t, key, err);
            *value = found;
            return TABLE_FOUND;
        }
    }
    return TABLE_NOT_FOUND;
}

// ---- addresses
// -----------------------------------------------------------------------------

static bool is_never_split(struct str local, const char *delimiters)
{
    if (str_is_nocase(local, "double-bounce") || str_is_nocase(local, "mailer-daemon") ||
        str_is_nocase(local, "postmaster"))
        return true;
    return strchr(delimiters, '-') != NULL &&
           (str_starts_nocase(local, "owner-") ||
            (local.len > 8 && str_ends_nocase(local, "-request")));
}

const char *extension_find(const char *local_part, const char *delimiters)
{
    size_t start;

    if (delimiters == NULL || delimiters[0] == '\0')
        return NULL;
    start = strcspn(local_part, delimiters);
    if (start == 0 || local_part[start] == '\0' ||
        is_never_split(str_c(local_part), delimiters))
        return NULL;
    return local_part + start;
}

// RFC 5321 4.1.2 Dot-string (with UTF-8, RFC 6531).
static bool is_dot_string(struct str s)
{
    bool after_dot = true;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c == '.' ? after_dot
                     : c <= ' ' || c == 127 || strchr("()<>[]:;@\\,\"", c) != NULL)
            return false;
        after_dot = c == '.';
    }
    return s.len > 0 && !after_dot;
}

// The key as a table source writes it: with quotes where the local part needs them.
static const char *external_form(struct arena *arena, struct str local,
                                 const char *domain_part)
{
    char *quoted, *p;

    if (is_dot_string(local) || local.len == 0)
        return NULL;
    p = quoted = arena_alloc(arena, 2 * local.len + 3 + strlen(domain_part));
    *p++ = '"';
    for (size_t i = 0; i < local.len; i++) {
        if (local.ptr[i] == '"' || local.ptr[i] == '\\' || local.ptr[i] == '\r')
            *p++ = '\\';
        *p++ = local.ptr[i];
    }
    *p++ = '"';
    memcpy(p, domain_part, strlen(domain_part) + 1);
    return quoted;
}

struct step {
    struct str local;
    const char *domain_part; // "@domain" or ""
    const char *extension;   // that this key leaves out
    unsigned flags;          // MAPS_*
};

struct search {
    struct maps *maps;
    struct arena *arena;
    const char **value, **extension;
    struct error *err;
};

static enum table_result try_step(const struct search *s, const struct step *step)
{
    const char *external = external_form(s->arena, step->local, step->domain_part);
    enum table_result result = TABLE_NOT_FOUND;

    if (external != NULL)
        result = maps_find(s->maps, s->arena, external, step->flags, s->value, s->err);
    if (result == TABLE_NOT_FOUND)
        result = maps_find(
            s->maps, s->arena,
            arena_printf(s->arena, "%.*s%s", STR_FMT(step->local), step->domain_part),
            step->flags, s->value, s->err);
    if (result == TABLE_FOUND && s->extension != NULL)
        *s->extension = step->extension;
    return result;
}

static enum table_result try_steps(const struct search *s, const struct step *steps,
                                   size_t len)
{
    enum table_result result = TABLE_NOT_FOUND;

    for (size_t i = 0; i < len && result == TABLE_NOT_FOUND; i++)
        result = try_step(s, &steps[i]);
    return result;
}

enum table_result maps_find_address(struct maps *m, struct arena *arena,
                                    const char *address, const struct address_search *how,
                                    const char **value, const char **extension,
                                    struct error *err)
{
    const struct search s = {m, arena, value, extension, err};
    unsigned wanted = how->steps == 0 ? ~0u : how->steps;
    const char *at = strrchr(address, '@');
    const char *domain = at == NULL ? "" : at;
    const char *local = arena_text(arena, str_n(address, strlen(address) - strlen(domain)));
    const char *ext = extension_find(local, how->recipient_delimiter);
    struct str user = str_n(local, ext == NULL ? strlen(local) : (size_t)(ext - local));
    struct step steps[2];
    size_t len = 0;
    enum table_result result;

    if (extension != NULL)
        *extension = NULL;
    if (maps_is_empty(m))
        return TABLE_NOT_FOUND;
    if (wanted & ADDRESS_FULL)
        steps[len++] = (struct step){str_c(local), domain, NULL, 0};
    if (ext != NULL && (wanted & ADDRESS_NO_EXT))
        steps[len++] = (struct step){user, domain, ext, MAPS_SKIP_PATTERNS};
    result = try_steps(&s, steps, len);
    if (result != TABLE_NOT_FOUND || at == NULL)
        return result;

    len = 0;
    if ((wanted & ADDRESS_LOCALPART) && how->is_local_domain != NULL &&
        how->is_local_domain(str_c(at + 1), how->ctx)) {
        steps[len++] = (struct step){str_c(local), "", NULL, MAPS_SKIP_PATTERNS};
        if (ext != NULL)
            steps[len++] = (struct step){user, "", ext, MAPS_SKIP_PATTERNS};
        result = try_steps(&s, steps, len);
    }
    if (result == TABLE_NOT_FOUND && (wanted & ADDRESS_DOMAIN)) {
        steps[0] = (struct step){STR_LIT(""), domain, NULL, MAPS_SKIP_PATTERNS};
        result = try_steps(&s, steps, 1);
    }
    return result;
}
