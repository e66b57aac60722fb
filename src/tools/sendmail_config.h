// sendmail_config: the main.cf parameters of sendmail(1).
#pragma once
#include "config/param.h"

struct sendmail_config {
    const char *sendmail_fix_line_endings, *verp_delimiter_filter;
};

extern const struct param sendmail_params[];
