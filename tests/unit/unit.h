// unit: what all unit tests include: cmocka with its needs, and checks that name their
// case.
#pragma once
// cmocka.h wants the four before it.
// clang-format off
#include "util/base.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

// Fails the test, naming the row of its table.
#define check_case(why, cond)                                                              \
    do {                                                                                   \
        if (!(cond))                                                                       \
            fail_msg("case \"%s\": %s", (why), #cond);                                     \
    } while (0)

// The same for texts, showing both.
#define check_text(why, got, want)                                                         \
    do {                                                                                   \
        const char *got_ = (got), *want_ = (want);                                         \
        if (got_ == NULL || strcmp(got_, want_) != 0)                                      \
            fail_msg("case \"%s\": got \"%s\", want \"%s\"", (why),                        \
                     got_ == NULL ? "NULL" : got_, want_);                                 \
    } while (0)
