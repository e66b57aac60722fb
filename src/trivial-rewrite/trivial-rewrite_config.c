// trivial-rewrite_config: what only this program reads; address classes and transports are
// in config/mail_config, because every program that resolves in-process reads them.
#include "trivial-rewrite/trivial-rewrite_config.h"

const struct param trivial_rewrite_params[] = {
    PARAM_END,
};
