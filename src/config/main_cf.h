// main_cf: the text of main.cf as a dictionary, and $name expansion over it.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/text.h"

struct main_cf;

// Where a name that main.cf does not set gets its value: a parameter's default text (still
// to be expanded), or NULL when nobody knows the name. The result lives as long as `ctx`.
typedef const char *main_cf_default(const char *name, void *ctx);

struct main_cf *main_cf_new(void);
void main_cf_free(struct main_cf *cf);

// Reads `path` (main.cf). Duplicates are warned about in the log as Postfix words it; a
// line that is no "name = value" is an error that names file and line.
MUST_CHECK bool main_cf_read(struct main_cf *cf, const char *path, struct error *err);
// The same from text; `origin` stands for the file name in messages.
MUST_CHECK bool main_cf_parse(struct main_cf *cf, const char *origin, struct str text,
                              struct error *err);
// Sets or replaces one (master.cf -o, postconf -o, computed values).
void main_cf_set(struct main_cf *cf, const char *name, const char *value);
// As written, or NULL when not set.
const char *main_cf_get(const struct main_cf *cf, const char *name);
// Line number where `name` was set, 0 when by main_cf_set.
int main_cf_line(const struct main_cf *cf, const char *name);
// All names that are set, sorted.
void main_cf_names(const struct main_cf *cf, struct arena *arena, struct text_list *names);

void main_cf_on_default(struct main_cf *cf, main_cf_default *fn, void *ctx);

// Expands $name, ${name}, $(name), ${name?x}, ${name:x}, ${name?{x}:{y}}, ${{a} op
// {b}?{x}:{y}} and $$ in `text`, recursively, with a bounded depth. Unknown names are
// empty. Errors: bad macro syntax, recursion.
MUST_CHECK bool main_cf_expand(const struct main_cf *cf, struct arena *arena,
                               const char *text, const char **result, struct error *err);

// The expansion engine alone, for other dictionaries (default_rbl_reply, command macros).
// find() returns NULL for an unknown name. `recursive`: found values are expanded too.
typedef const char *expand_find(const char *name, void *ctx);
MUST_CHECK bool text_expand(struct arena *arena, const char *text, bool recursive,
                            expand_find *find, void *ctx, const char **result,
                            struct error *err);
