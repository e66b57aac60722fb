// check: what unit tests share: cmocka, and an assertion that names the case of a table.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants those four first.
#include <cmocka.h>
#include <stdbool.h>

#define check_case(why, condition)                                                         \
    do {                                                                                   \
        if (!(condition))                                                                  \
            fail_msg("%s: %s", (why), #condition);                                         \
    } while (0)
