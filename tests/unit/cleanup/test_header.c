// test_header: header fields as slices, and folding of rewritten address lists.
#include "cleanup/header.h"
#include "unit.h"

static const struct {
    const char *why, *text;
    enum header_result result;
    const char *name, *value, *rest;
} fields[] = {
    {"plain",                   "To: a\nx",     HEADER_FIELD, "To", " a",     "x"          },
    {"blank before the colon",  "To : a\n",     HEADER_FIELD, "To", " a",     ""           },
    {"continuation lines",      "A: b\n c\nD:", HEADER_FIELD, "A",  " b\n c", "D:"         },
    {"no line end",             "A: b",         HEADER_FIELD, "A",  " b",     ""           },
    {"empty value",             "A:\n",         HEADER_FIELD, "A",  "",       ""           },
    {"blank inside the name",   "A b: c\n",     HEADER_NONE,  "",   "",       "A b: c\n"   },
    {"no name",                 ": c\n",        HEADER_NONE,  "",   "",       ": c\n"      },
    {"8-bit name",              "\xc3\xa4: c",  HEADER_NONE,  "",   "",       "\xc3\xa4: c"},
    {"starts with white space", " a: b\n",      HEADER_NONE,  "",   "",       " a: b\n"    },
    {"empty line",              "\nbody",       HEADER_END,   "",   "",       "body"       },
    {"nothing",                 "",             HEADER_NONE,  "",   "",       ""           },
};

static void takes_only_header_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        struct str rest = str_c(fields[i].text);
        struct header h = {
            {"", 0},
            {"", 0},
            {"", 0}
        };

        check_case(fields[i].why, header_take(&rest, &h) == fields[i].result);
        check_case(fields[i].why, str_is(h.name, fields[i].name));
        check_case(fields[i].why, str_is(h.value, fields[i].value));
        check_case(fields[i].why, str_is(rest, fields[i].rest));
    }
}

static const struct {
    const char *why, *value, *folded;
} lists[] = {
    {"one",                " a@b",                                                               " a@b"                                                                  },
    {"line breaks go",     " a@b,\n c@d",                                                        " a@b, c@d"                                                             },
    {"comma in quotes",    " \"x, y\" <a@b>",                                                    " \"x, y\" <a@b>"                                                       },
    {"comma in a comment", " a@b (x, y), c@d",                                                   " a@b (x, y), c@d"                                                      },
    {"just fits (69)",     " joe@mail.example.test, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.c",
     " joe@mail.example.test, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.c"                                                                                                },
    {"one too long (70)",
     " joe@mail.example.test, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.c",                      " joe@mail.example.test,\n\taaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.c"},
};

static void folds_long_lists_at_commas(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(lists); i++)
        check_text(lists[i].why, header_fold_addresses(arena, 3, str_c(lists[i].value)),
                   lists[i].folded);
    arena_free(arena);
}

static void knows_names_in_any_case(void **state)
{
    (void)state;
    assert_int_equal(header_classify(STR_LIT("rEsEnT-tO")).kind, HEADER_RESENT_TO);
    assert_int_equal(header_classify(STR_LIT("Content-Foo")).traits, HEADER_IS_MIME);
    assert_int_equal(header_classify(STR_LIT("X-To")).kind, HEADER_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_only_header_fields),
        cmocka_unit_test(folds_long_lists_at_commas),
        cmocka_unit_test(knows_names_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
