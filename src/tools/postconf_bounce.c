// postconf_bounce: shows the wording of delivery reports (postconf -b and -t).
#include "tools/postconf_bounce.h"
#include "bounce/bounce_config.h"
#include "mail/bounce_template.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>

#define OUTPUT_MAX (8u << 20)

int print_bounce_templates(const char *dir, const char *file, bool expanded)
{
    struct arena *arena = arena_new();
    struct buf *out = buf_make(arena, OUTPUT_MAX);
    struct bounce_config bounce;
    struct bounce_templates templates;
    struct error err;
    struct config *cfg = config_open(dir, NULL, 0, &err);

    if (cfg == NULL || !config_load(cfg, bounce_params, &bounce, &err))
        log_fatal("%s", err.text);
    struct bounce_spans spans = {config_mail(cfg)->delay_warning_time,
                                 bounce.maximal_queue_lifetime};

    if (file == NULL)
        file = bounce.bounce_template_file;
    if (!bounce_templates_load(&templates, arena, file, &err) ||
        !bounce_templates_print(&templates, expanded ? cfg : NULL, &spans, out, &err))
        log_fatal("%s", err.text);
    struct str text = buf_view(out);

    if (fwrite(text.ptr, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
        log_fatal("write standard output: %m");
    config_free(cfg);
    arena_free(arena);
    return EXIT_SUCCESS;
}
