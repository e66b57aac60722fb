// sendmail_config: the main.cf parameters of sendmail(1): names, defaults, limits.
#include "tools/sendmail_config.h"

const struct param sendmail_params[] = {
    PARAM_TEXT(struct sendmail_config, sendmail_fix_line_endings, "always"),
    PARAM_TEXT(struct sendmail_config, verp_delimiter_filter, "-=+"),
    PARAM_END,
};
