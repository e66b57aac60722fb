// bounce_template: the wording of delivery reports: built in, or from bounce_template_file.
#pragma once
#include "config/config.h"
#include "util/buf.h"

enum bounce_template_kind {
    BOUNCE_TEMPLATE_FAILURE,
    BOUNCE_TEMPLATE_DELAY,
    BOUNCE_TEMPLATE_SUCCESS,
    BOUNCE_TEMPLATE_VERIFY,
    BOUNCE_TEMPLATES,
};

struct bounce_template {
    const char *name; // "failure_template"
    const char *charset, *from, *subject;
    const char *postmaster_subject; // "" for those that no postmaster gets
    const char *body;               // $name not expanded; lines end in LF
};

struct bounce_templates {
    struct bounce_template all[BOUNCE_TEMPLATES];
};

// The built-in ones, with those that the file at `path` defines in their place ("": none).
// A file that cannot be read or has a mistake is an error that names file and line.
MUST_CHECK bool bounce_templates_load(struct bounce_templates *templates,
                                      struct arena *arena, const char *path,
                                      struct error *err);

// What $name in a body may refer to besides main.cf: spans in other units.
struct bounce_spans {
    struct duration delay_warning_time, maximal_queue_lifetime;
};
// The body with $name expanded.
MUST_CHECK bool bounce_template_body(const struct bounce_template *t, struct config *cfg,
                                     const struct bounce_spans *spans, struct arena *arena,
                                     const char **body, struct error *err);

// All templates in the file's own format (postconf -t), bodies expanded with `cfg` not NULL
// (postconf -b).
MUST_CHECK bool bounce_templates_print(const struct bounce_templates *templates,
                                       struct config *cfg, const struct bounce_spans *spans,
                                       struct buf *out, struct error *err);
