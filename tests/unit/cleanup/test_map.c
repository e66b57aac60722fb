// test_map: masquerading, address classes, sets of bytes, duplicates, the From: header.
#include "cleanup/complete.h"
#include "cleanup/map.h"
#include "cleanup/rcpts.h"
#include "unit.h"

static const struct {
    const char *why, *domains, *address, *result;
} cases[] = {
    {"below the domain",   "example.com",                "u@h.example.com",   "u@example.com"    },
    {"the domain itself",  "example.com",                "u@example.com",     "u@example.com"    },
    {"not at a label",     "example.com",                "u@badexample.com",  "u@badexample.com" },
    {"any case",           "example.com",                "u@H.EXAMPLE.com",   "u@example.com"    },
    {"first match counts", "a.example.com example.com",  "u@x.a.example.com",
     "u@a.example.com"                                                                           },
    {"excluded",           "!x.example.com example.com", "u@h.x.example.com", "u@h.x.example.com"},
    {"another domain",     "example.com",                "u@h.example.org",   "u@h.example.org"  },
    {"no domain",          "example.com",                "u",                 "u"                },
};

static void masquerades_what_is_below(void **state)
{
    struct arena *arena = arena_new();
    struct text_list domains;
    struct error err;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(text_list_parse(arena, cases[i].domains, &domains, &err));
        check_text(cases[i].why, masquerade(arena, &domains, cases[i].address),
                   cases[i].result);
    }
    arena_free(arena);
}

static void reads_class_names(void **state)
{
    struct error err;
    unsigned classes;

    (void)state;
    assert_true(
        address_classes_parse("x", "envelope_sender, Header_Recipient", &classes, &err));
    assert_int_equal(classes, CLASS_ENVELOPE_SENDER | CLASS_HEADER_RCPT);
    assert_false(address_classes_parse("x", "envelope", &classes, &err));
}

static void reads_escapes_of_byte_sets(void **state)
{
    struct byte_set set;
    struct error err;

    (void)state;
    assert_true(byte_set_parse("x", "a\\0\\177\\n\\\\", &set, &err));
    assert_true(set.has['a'] && set.has[0] && set.has[127] && set.has['\n'] &&
                set.has['\\'] && !set.has['0']);
    assert_false(byte_set_parse("x", "\\q", &set, &err));
    assert_false(byte_set_parse("x", "\\777", &set, &err));
}

static void drops_duplicates_up_to_the_limit(void **state)
{
    struct arena *arena = arena_new();
    struct rcpt_set *all = rcpt_set_make(arena, 0), *two = rcpt_set_make(arena, 2);

    (void)state;
    for (int i = 0; i < 5000; i++)
        assert_true(rcpt_set_add(all, arena_printf(arena, "u%d@x", i), ""));
    assert_false(rcpt_set_add(all, "U17@X", ""));
    assert_true(rcpt_set_add(all, "u17@x", "other@y"));
    assert_true(rcpt_set_add(two, "a", ""));
    assert_true(rcpt_set_add(two, "b", ""));
    assert_true(rcpt_set_add(two, "c", ""));
    assert_true(rcpt_set_add(two, "c", ""));
    assert_false(rcpt_set_add(two, "a", ""));
    arena_free(arena);
}

static void writes_names_safely(void **state)
{
    struct arena *a = arena_new();

    (void)state;
    check_text("plain", complete_from(a, "Ann B", "a@b", false, "utf-8"), "Ann B <a@b>");
    check_text("none", complete_from(a, "", "a@b", false, "utf-8"), "a@b");
    check_text("specials", complete_from(a, "B, \"A\"", "a@b", false, "utf-8"),
               "\"B, \\\"A\\\"\" <a@b>");
    check_text("8-bit", complete_from(a, "J\xc3\xb6 x", "a@b", false, "utf-8"),
               "=?utf-8?Q?J=C3=B6_x?= <a@b>");
    check_text("obsolete", complete_from(a, "A (B)", "a@b", true, "utf-8"),
               "a@b (A \\(B\\))");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masquerades_what_is_below),
        cmocka_unit_test(reads_class_names),
        cmocka_unit_test(reads_escapes_of_byte_sets),
        cmocka_unit_test(drops_duplicates_up_to_the_limit),
        cmocka_unit_test(writes_names_safely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
