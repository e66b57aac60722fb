// test_mime: which lines of a message are headers of which kind.
#include "smtp/mime.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct mime *begin(struct arena *arena, const char *type)
{
    struct mime *m = mime_new(arena, 10, 70);

    mime_header(m, STR_LIT("Content-Type"), str_c(type));
    mime_headers_end(m);
    return m;
}

static void text_stays_body(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct mime *m = begin(arena, " text/plain; boundary=x");

    assert_int_equal(mime_place(m), MIME_BODY);
    assert_false(mime_body_line(m, STR_LIT("--x")));
    assert_int_equal(mime_place(m), MIME_BODY);
    arena_free(arena);
}

static void boundaries_lead_to_part_headers(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct mime *m = begin(arena, " multipart/mixed; boundary=\"x y\"");

    assert_int_equal(mime_place(m), MIME_BODY);
    assert_false(mime_body_line(m, STR_LIT("--other")));
    assert_true(mime_body_line(m, STR_LIT("--x y")));
    assert_int_equal(mime_place(m), MIME_PART_HEADERS);
    mime_header(m, STR_LIT("Content-Transfer-Encoding"), STR_LIT(" 8bit"));
    assert_int_equal(mime_encoding(m), MIME_8BIT);
    assert_false(mime_is_composite(m));
    mime_headers_end(m);
    assert_int_equal(mime_place(m), MIME_BODY);
    assert_true(mime_body_line(m, STR_LIT("--x y--")));
    assert_int_equal(mime_place(m), MIME_BODY);
    arena_free(arena);
}

static void attached_messages_have_headers(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct mime *m = begin(arena, " message/rfc822");

    assert_int_equal(mime_place(m), MIME_NESTED_HEADERS);
    mime_headers_end(m);
    assert_int_equal(mime_place(m), MIME_BODY);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays_body),
        cmocka_unit_test(boundaries_lead_to_part_headers),
        cmocka_unit_test(attached_messages_have_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
