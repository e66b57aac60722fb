// test_maildrop: what pickup(8) and postdrop(1) take from local users, and what not.
#include "mail/maildrop.h"
#include "mail/record.h"
#include "unit.h"

// Records as "TYPEtext|TYPEtext".
static struct str records(struct arena *arena, const char *text)
{
    struct buf *out = buf_make(arena, 4096);
    struct str rest = str_c(text), piece;

    while (str_split(&rest, '|', &piece))
        assert_true(record_put(out, piece.ptr[0], str_from(piece, 1)));
    return buf_view(out);
}

static const struct {
    const char *why, *text;
    bool requeued, valid;
    size_t rcpts;
} cases[] = {
    {"as sendmail writes it",
     "T1 2|Arewrite_context=local|FFull|Sme@x|Anotify_flags=6|Ra@b|Rc@d|M|NSubject: "
     "x|N|X|E",                                                               false, true,  2},
    {"recipients behind the content",  "Sme|M|N|X|Ra@b|E",                    false, true,  1},
    {"null sender",                    "S|Ra@b|M|X|E",                        false, true,  1},
    {"no sender",                      "Ra@b|M|X|E",                          false, false, 0},
    {"two senders",                    "Sa|Sb|Ra@b|M|X|E",                    false, false, 0},
    {"no end",                         "Sa|Ra@b|M|X",                         false, false, 0},
    {"no content",                     "Sa|Ra@b|E",                           false, false, 0},
    {"size record of a user",          "C1|Sa|Ra@b|M|X|E",                    false, false, 0},
    {"pointer of a user",              "Sa|Ra@b|M|p1|X|E",                    false, false, 0},
    {"envelope record in the content", "Sa|Ra@b|M|Rx@y|X|E",                  false, false, 0},
    {"newline in an address",          "Sa|Ra@b\nx|M|X|E",                    false, false, 0},
    {"filter of a user",               "Lsmtp:[1.2.3.4]|Sa|Ra@b|M|X|E",       false, false, 0},
    {"bad context",                    "Arewrite_context=else|Sa|Ra@b|M|X|E", false, false, 0},
    {"bad notify",                     "Sa|Anotify_flags=16|Ra@b|M|X|E",      false, false, 0},
    {"what postsuper puts back",
     "C1|T1 2|Alog_ident=AB12|Sa|Oo@x|Ra@b|Oq@x|Dd@e|M|Nx|X|Rf@g|E",          true,  true,  2},
};

static void takes_only_what_users_may_say(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct maildrop drop;
        struct error err;
        bool valid = maildrop_parse(arena, records(arena, cases[i].text), cases[i].requeued,
                                    &drop, &err);

        check_case(cases[i].why, valid == cases[i].valid);
        check_case(cases[i].why, !valid || drop.rcpts_len == cases[i].rcpts);
    }
    arena_free(arena);
}

static void keeps_what_belongs_to_a_recipient(void **state)
{
    struct arena *arena = arena_new();
    struct maildrop drop;
    struct error err;

    (void)state;
    assert_true(maildrop_parse(
        arena,
        records(arena,
                "Alog_ident=AB12|Sa|Adsn_orig_rcpt=rfc822;z|Dd@e|Oo@x|Ra@b|M|Nx|X|E"),
        true, &drop, &err));
    assert_string_equal(drop.rcpts[0].orig, "o@x");
    assert_string_equal(drop.rcpts[0].dsn_orcpt, "");
    assert_string_equal(drop.orig_id, "AB12");
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_only_what_users_may_say),
        cmocka_unit_test(keeps_what_belongs_to_a_recipient),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
