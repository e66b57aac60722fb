// test_maps: search orders for addresses, and extensions.
#include "table/maps.h"
#include "table_check.h"

static bool ours(struct str domain, void *ctx)
{
    (void)ctx;
    return str_is_nocase(domain, "ours.example");
}

static const struct {
    const char *why, *maps, *address, *result, *extension;
} cases[] = {
    {"full",                        "inline:{a+x@d=1,a@d=2}",             "a+x@d",                "1", NULL},
    {"without extension",           "inline:{a@d=2,@d=3}",                "a+x@d",                "2", "+x"},
    {"user of ours",                "inline:{a+x=1,a=2,@ours.example=3}", "a+x@ours.example",     "1", NULL},
    {"plain user of ours",          "inline:{a=2,@ours.example=3}",       "a+x@ours.example",     "2", "+x"},
    {"user elsewhere",              "inline:{a=2}",                       "a@d",                  "-", NULL},
    {"domain",                      "inline:{@d=3}",                      "a+x@d",                "3", NULL},
    {"step before table",           "inline:{@d=3},inline:{a@d=2}",       "a@d",                  "2", NULL},
    {"quoted form",                 "inline:{{\"a b\"@d=1}}",             "a b@d",                "1", NULL},
    {"internal form",               "inline:{{a b@d=1}}",                 "a b@d",                "1", NULL},
    {"patterns see only the whole", "regexp:{{/^a@d$/ 1}}",               "a+x@d",                "-", NULL},
    {"patterns",                    "regexp:{{/^a/ 1}}",                  "a+x@d",                "1", NULL},
    {"owner is kept whole",         "inline:{owner=1}",                   "owner-x@ours.example", "-", NULL},
    {"no domain",                   "inline:{a=1}",                       "a",                    "1", NULL},
    {"empty list",                  "",                                   "a@d",                  "-", NULL},
};

static void addresses_are_searched_in_order(void **state)
{
    const struct address_search how = {.recipient_delimiter = "+-",
                                       .is_local_domain = ours};
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct maps *m = maps_open("test_maps", cases[i].maps, TABLE_FOLD_KEY, &err);
        const char *value = "-", *extension;

        check_case(cases[i].why, m != NULL);
        (void)maps_find_address(m, arena, cases[i].address, &how, &value, &extension, &err);
        if (strcmp(value, cases[i].result) != 0)
            fail_msg("%s: %s", cases[i].why, value);
        check_case(cases[i].why,
                   cases[i].extension == NULL
                       ? extension == NULL
                       : extension != NULL && strcmp(extension, cases[i].extension) == 0);
        maps_close(m);
    }
}

static void an_empty_result_is_a_failure(void **state)
{
    struct error err;
    const char *value;
    struct maps *m = maps_open("x_maps", "static:{}", 0, &err);

    (void)state;
    logged[0] = '\0';
    assert_int_equal(maps_find(m, arena, "k", 0, &value, &err), TABLE_FAILED);
    assert_string_equal(logged, "x_maps lookup of k returns an empty string result\n"
                                "x_maps should return NO RESULT in case of NOT FOUND\n");
    maps_close(m);
}

static void a_missing_table_is_a_temporary_failure(void **state)
{
    struct error err;
    const char *value;

    (void)state;
    logged[0] = '\0';
    struct maps *m = maps_open("x_maps", "hash:none", 0, &err);
    assert_int_equal(maps_find(m, arena, "k", 0, &value, &err), TABLE_FAILED);
    assert_int_equal(err.kind, ERROR_TEMPORARY);
    assert_string_equal(logged,
                        "open database none.db: No such file or directory\n"
                        "hash:none is unavailable. open database none.db: No such file or "
                        "directory\nhash:none lookup error for \"k\"\n");
    maps_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_searched_in_order),
        cmocka_unit_test(an_empty_result_is_a_failure),
        cmocka_unit_test(a_missing_table_is_a_temporary_failure),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
