// match_list: lists such as mydestination and mynetworks: patterns, !patterns, /files,
// tables.
#include "table/match_list.h"
#include "table/network.h"
#include "table/shared.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"
#include <stdlib.h>

#define FILE_MAX ((size_t)64 << 20)
#define NESTING_MAX 20 // a file may name files

enum element_kind { ELEMENT_TEXT, ELEMENT_NETWORK, ELEMENT_TABLE, ELEMENT_BROKEN };

struct element {
    enum element_kind kind;
    bool negated;
    const char *text; // lower case; ELEMENT_BROKEN: the reason
    size_t len;
    struct network net;
    struct table *table;
};

struct match_list {
    struct arena *arena;
    const char *title;
    enum match_kind kind;
    bool parents;
    struct element *elements;
    size_t len, room;
};

static struct element *element_add(struct match_list *list, enum element_kind kind,
                                   bool negated)
{
    if (list->len == list->room) {
        list->room = list->room == 0 ? 8 : 2 * list->room;
        list->elements = mem_realloc(list->elements, list->room * sizeof(*list->elements));
    }
    list->elements[list->len] =
        (struct element){.kind = kind, .negated = negated, .text = ""};
    return &list->elements[list->len++];
}

static void broken_add(struct match_list *list, const char *why)
{
    element_add(list, ELEMENT_BROKEN, false)->text = arena_strdup(list->arena, why);
}

// ---- reading the list
// ------------------------------------------------------------------------

static bool has_addresses(const struct match_list *list)
{
    return list->kind == MATCH_ADDRESS || list->kind == MATCH_NAMADR;
}

static bool looks_like_network(struct str s)
{
    if (s.ptr[0] == '[')
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_digit(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '/')
            return false;
    return true;
}

static bool add_all(struct match_list *list, struct str text, bool negated, int depth,
                    struct error *err);

static bool add_file(struct match_list *list, const char *path, bool negated, int depth,
                     struct error *err)
{
    struct arena *scratch = arena_new();
    struct logical_lines lines = {0};
    struct str line;
    int number;
    bool ok = true;
    struct error why;

    if (depth > NESTING_MAX) {
        error_config(&why, "%s: files include each other: %s", list->title, path);
        broken_add(list, why.text);
    } else if (!file_read_all(scratch, path, FILE_MAX, &lines.rest, &why)) {
        broken_add(list, why.text);
    } else {
        while (ok && logical_line_next(scratch, &lines, &line, &number))
            ok = add_all(list, line, negated, depth + 1, err);
    }
    arena_free(scratch);
    return ok;
}

static bool add_table(struct match_list *list, const char *spec, bool negated,
                      struct error *err)
{
    struct table *table = shared_table_open(spec, TABLE_FOLD_KEY, err);

    if (table == NULL)
        return error_prefix(err, "parameter %s", list->title);
    element_add(list, ELEMENT_TABLE, negated)->table = table;
    return true;
}

static void add_network(struct match_list *list, struct str text, bool negated)
{
    struct network net;
    struct error why;

    if (network_parse(text, &net, &why)) {
        element_add(list, ELEMENT_NETWORK, negated)->net = net;
        return;
    }
    broken_add(list, arena_printf(list->arena, "%s: %s", list->title, why.text));
}

static bool add_element(struct match_list *list, struct str s, bool negated, int depth,
                        struct error *err)
{
    while (s.len > 0 && s.ptr[0] == '!') {
        negated = !negated;
        s = str_from(s, 1);
    }
    if (s.len == 0) {
        broken_add(list,
                   arena_printf(list->arena, "%s: no pattern after '!'", list->title));
        return true;
    }
    if (s.ptr[0] == '/')
        return add_file(list, arena_text(list->arena, s), negated, depth, err);
    if (s.ptr[0] != '[' && str_has_char(s, ':'))
        return add_table(list, arena_text(list->arena, s), negated, err);
    if (has_addresses(list) && looks_like_network(s)) {
        add_network(list, s, negated);
        return true;
    }
    struct element *e = element_add(list, ELEMENT_TEXT, negated);

    e->text = arena_lower(list->arena, s);
    e->len = s.len;
    return true;
}

static bool add_all(struct match_list *list, struct str text, bool negated, int depth,
                    struct error *err)
{
    struct str element;

    while (text_take_element(&text, &element)) {
        if (element.ptr == NULL)
            return error_config(err, "parameter %s: missing '}'", list->title);
        if (!add_element(list, element, negated, depth, err))
            return false;
    }
    return true;
}

struct match_list *match_list_open(const char *title, const char *text,
                                   enum match_kind kind, bool parents, struct error *err)
{
    struct arena *arena = arena_new();
    struct match_list *list = ARENA_NEW(arena, struct match_list);

    list->arena = arena;
    list->title = arena_strdup(arena, title);
    list->kind = kind;
    list->parents = parents;
    if (add_all(list, str_c(text), false, 0, err))
        return list;
    match_list_close(list);
    return NULL;
}

void match_list_close(struct match_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->len; i++)
        shared_table_close(list->elements[i].table);
    free(list->elements);
    arena_free(list->arena);
}

bool match_list_is_empty(const struct match_list *list)
{
    return list == NULL || list->len == 0;
}

bool match_list_may_wait(const struct match_list *list)
{
    for (size_t i = 0; list != NULL && i < list->len; i++)
        if (list->elements[i].table != NULL && table_may_wait(list->elements[i].table))
            return true;
    return false;
}

// ---- asking
// ------------------------------------------------------------------------------------

static bool matches_domain(const struct match_list *list, const struct element *e,
                           struct str name)
{
    bool is_suffix = name.len > e->len && str_ends_nocase(name, e->text);

    if (str_equal_nocase(name, str_n(e->text, e->len)))
        return true;
    if (!is_suffix)
        return false;
    return list->parents ? name.ptr[name.len - e->len - 1] == '.' : e->text[0] == '.';
}

static enum match_result from_table(enum table_result result, const struct element *e,
                                    const char *key, struct error *err)
{
    if (result == TABLE_FAILED) {
        log_warn("%s", err->text);
        log_warn("%s lookup error for \"%s\"", table_spec(e->table), key);
        return MATCH_FAILED;
    }
    return result == TABLE_FOUND ? MATCH_YES : MATCH_NO;
}

static enum match_result ask_table(const struct element *e, struct arena *scratch,
                                   const char *key, struct error *err)
{
    const char *ignored;

    return from_table(table_find(e->table, scratch, key, &ignored, err), e, key, err);
}

// The name, then its parents: "b.c" or ".b.c" for "a.b.c".
static enum match_result ask_domains(const struct match_list *list, const struct element *e,
                                     struct arena *scratch, const char *name,
                                     struct error *err)
{
    const char *key = name;
    enum match_result result = ask_table(e, scratch, key, err);

    while (result == MATCH_NO && !table_is_pattern(e->table) &&
           (key = strchr(key + 1, '.')) != NULL) {
        if (list->parents && key[1] != '\0')
            key++;
        result = ask_table(e, scratch, key, err);
    }
    return result;
}

static bool is_domain_kind(const struct match_list *list)
{
    return list->kind == MATCH_DOMAIN || list->kind == MATCH_HOSTNAME ||
           list->kind == MATCH_NAMADR;
}

static enum match_result ask_element_table(const struct match_list *list,
                                           const struct element *e, const char *name,
                                           const char *address, struct error *err)
{
    struct arena *scratch = arena_new();
    enum match_result result = MATCH_NO;

    if (name != NULL && list->kind != MATCH_ADDRESS)
        result = is_domain_kind(list) ? ask_domains(list, e, scratch, name, err)
                                      : ask_table(e, scratch, name, err);
    if (result == MATCH_NO && address != NULL && has_addresses(list))
        result = ask_table(e, scratch, address, err);
    arena_free(scratch);
    return result;
}

static enum match_result ask_element(const struct match_list *list, const struct element *e,
                                     const char *name, const char *address,
                                     const struct network *parsed, struct error *err)
{
    bool hit = false;

    switch (e->kind) {
    case ELEMENT_TEXT:
        if (name != NULL && list->kind != MATCH_ADDRESS)
            hit = is_domain_kind(list)
                      ? matches_domain(list, e, str_c(name))
                      : str_equal_nocase(str_c(name), str_n(e->text, e->len));
        if (!hit && address != NULL && has_addresses(list))
            hit = str_is_nocase(str_c(address), e->text);
        return hit ? MATCH_YES : MATCH_NO;
    case ELEMENT_NETWORK:
        return parsed != NULL && network_has(&e->net, parsed) ? MATCH_YES : MATCH_NO;
    case ELEMENT_TABLE:
        return ask_element_table(list, e, name, address, err);
    case ELEMENT_BROKEN:
        break;
    }
    log_warn("%s", e->text);
    error_temp(err, "4.3.0", "%s", e->text);
    return MATCH_FAILED;
}

enum match_result match_list_find(struct match_list *list, const char *name,
                                  const char *address, struct error *err)
{
    struct network parsed;
    struct error why;
    bool has_address = address != NULL && network_parse_address(str_c(address), &parsed);

    for (size_t i = 0; list != NULL && i < list->len; i++) {
        const struct element *e = &list->elements[i];

        switch (ask_element(list, e, name, address, has_address ? &parsed : NULL, &why)) {
        case MATCH_NO:
            continue;
        case MATCH_YES:
            return e->negated ? MATCH_NO : MATCH_YES;
        case MATCH_FAILED:
            if (err != NULL)
                *err = why;
            return MATCH_FAILED;
        }
    }
    return MATCH_NO;
}

bool match_parents(const char *parent_domain_matches_subdomains, const char *name)
{
    struct str rest = str_c(parent_domain_matches_subdomains), element;
    bool negated;

    while (str_take(&rest, ", \t\r\n", &element)) {
        negated = element.ptr[0] == '!';
        if (str_is_nocase(str_from(element, negated ? 1 : 0), name))
            return !negated;
    }
    return false;
}
