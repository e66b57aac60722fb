// postconf_bounce: shows the wording of delivery reports (postconf -b and -t).
#pragma once
#include "util/base.h"

// The built-in templates, with those of `file` (NULL: bounce_template_file of main.cf) in
// their place; with $name expanded or as written. Ends the process when something is wrong.
int print_bounce_templates(const char *dir, const char *file, bool expanded);
