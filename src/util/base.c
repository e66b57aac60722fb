// base: what happens when one of our own assumptions is false.
#include "util/base.h"
#include "util/log.h"

_Noreturn void ensure_failed(const char *cond, const char *file, int line)
{
    log_panic("%s:%d: broken assumption: %s", file, line, cond);
}
