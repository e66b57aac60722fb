// test_report: folding of long lines in reports.
#include "bounce/report.h"
#include "unit.h"
#include <string.h>

static void lines_are_folded_at_79_columns(void **state)
{
    static const struct {
        const char *text, *folded;
    } cases[] = {
        {"",            ""                                                               },
        {"short",       "short\n"                                                        },
        {"<x@bad.example> (expanded from <alias@here.example>): no such user here, with a "
         "long "
         "explanation that needs folding because it is well beyond seventy-eight columns",              "<x@bad.example> (expanded from <alias@here.example>): no such user here, with a\n"
         "    long explanation that needs folding because it is well beyond seventy-eight\n"
         "    columns\n"},
        {"012345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "1234 "
         "b",             "012345678901234567890123456789012345678901234567890123456789012345678901234567890"
         "1234\n"
         "    b\n"                                                                              },
        {"trailing   ", "trailing\n"                                                                       },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf *out = buf_new(1000);

        report_fold(out, str_c(cases[i].text));
        check_case(cases[i].text, strcmp(buf_text(out), cases[i].folded) == 0);
        buf_free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_folded_at_79_columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
