// test_mime: which line of a message is a header of what, and which is body.
#include "cleanup/mime.h"
#include "unit.h"
#include "util/buf.h"

// Each line as a letter: H header, M MIME header, N nested header, E end of the headers,
// B body line.
static const struct {
    const char *why, *message, *shape;
    unsigned errors;
} cases[] = {
    {"plain",                                       "A: b\n\nx\ny\n",                              "HEBB",         0                         },
    {"no empty line",                               "A: b\nnot a header\n",                        "HEB",          0                         },
    {"no headers",                                  "\nx\n",                                       "EB",           0                         },
    {"empty",                                       "",                                            "E",            0                         },
    {"multipart",
     "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\nX: y\n\nbody\n--b--\nepi\n",          "MEBBMBBBB",    0                         },
    {"part headers end at a boundary",
     "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nX: y\n--b\nZ: y\n\n--b--\n",           "MEBMBMBB",     0                         },
    {"attached message",
     "Content-Type: multipart/x; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
     "Subject: s\nMime-Version: 1\n\nx\n--b--\n",                                                  "MEBMBNMBBB",   0                         },
    {"message in a message",                        "Content-Type: message/rfc822\n\nA: b\n\nx\n", "MENBB",        0                         },
    {"boundary of the outer part closes the inner",
     "Content-Type: multipart/a; boundary=o\n\n--o\nContent-Type: multipart/b; "
     "boundary=i\n\n"
     "--i\n\nx\n--o\nY: z\n\nw\n",                                                                 "MEBMBBBBBMBB", 0                         },
    {"8-bit header",                                "A: \xe9\n\nx\n",                              "HEB",          MIME_ERROR_8BIT_HEADER    },
    {"8-bit body",                                  "A: b\n\n\xe9\n",                              "HEB",          MIME_ERROR_8BIT_BODY      },
    {"8-bit body that says so",                     "Content-Transfer-Encoding: 8bit\n\n\xe9\n",   "MEB",          0                         },
    {"encoded multipart",
     "Content-Type: multipart/a; boundary=b\nContent-Transfer-Encoding: base64\n\nx\n",            "MMEB",         MIME_ERROR_ENCODING_DOMAIN},
    {"comment in the type",
     "Content-Type: (c (d)) multipart (x) / mixed (y) ; (z) boundary = \"b c\"\n\n--b "
     "c\nA: b\n\n",                                                                                "MEBMB",        0                         },
};

static char letter(enum mime_event_kind kind)
{
    switch (kind) {
    case MIME_PRIMARY_HEADER:
        return 'H';
    case MIME_PART_HEADER:
        return 'M';
    case MIME_NESTED_HEADER:
        return 'N';
    case MIME_HEADERS_END:
        return 'E';
    default:
        return 'B';
    }
}

static void tells_headers_from_body(void **state)
{
    struct arena *arena = arena_new();
    struct mime_limits limits = {.nesting = 100, .boundary_length = 2048, .parse = true};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char shape[64] = "";
        struct mime_walk w;
        struct mime_event event;
        size_t len = 0;

        mime_start(&w, arena, &limits, str_c(cases[i].message));
        while (mime_next(&w, &event), event.kind != MIME_DONE && len < sizeof(shape) - 1)
            shape[len++] = letter(event.kind);
        check_text(cases[i].why, shape, cases[i].shape);
        check_case(cases[i].why, w.errors == cases[i].errors);
    }
    arena_free(arena);
}

static void stops_at_the_nesting_limit(void **state)
{
    struct arena *arena = arena_new();
    struct mime_limits limits = {.nesting = 3, .boundary_length = 2048, .parse = true};
    struct buf *text = buf_make(arena, 65536);
    struct mime_walk w;
    struct mime_event event;

    (void)state;
    for (int i = 0; i < 5; i++)
        buf_putf(text, "Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i, i);
    mime_start(&w, arena, &limits, buf_view(text));
    do
        mime_next(&w, &event);
    while (event.kind != MIME_DONE);
    assert_true((w.errors & MIME_ERROR_NESTING) != 0);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_headers_from_body),
        cmocka_unit_test(stops_at_the_nesting_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
