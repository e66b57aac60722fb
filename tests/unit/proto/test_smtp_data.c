// test_smtp_data: line ends, dots and the end of data, in one piece and cut anywhere.
#include "proto/smtp_data.h"
#include "unit.h"

#define TEXT(t) STR_LIT(t)

static const struct {
    const char *why;
    struct str in;
    enum smtp_eol eol;
    bool ends;
    const char *out;
    size_t left; // bytes behind the end of data
    bool bare;
} cases[] = {
    {"one line",                     TEXT("a\r\n.\r\n"),             SMTP_EOL_STRICT, true,  "a\n",       0, false},
    {"nothing at all",               TEXT(".\r\n"),                  SMTP_EOL_STRICT, true,  "",          0, false},
    {"a dot is taken off",           TEXT("..a\r\n.b\r\n.\r\n"),     SMTP_EOL_STRICT, true,  ".a\nb\n",   0,
     false                                                                                                        },
    {"two dots alone",               TEXT("..\r\n.\r\n"),            SMTP_EOL_STRICT, true,  ".\n",       0, false},
    {"pipelined command stays",      TEXT("a\r\n.\r\nQUIT\r\n"),     SMTP_EOL_STRICT, true,  "a\n",       6,
     false                                                                                                        },
    {"LF . LF does not end",         TEXT("a\n.\nMAIL\r\n.\r\n"),    SMTP_EOL_STRICT, true,
     "a\n\nMAIL\n",                                                                                       0, true },
    {"LF . CRLF does not end",       TEXT("a\n.\r\nb\r\n.\r\n"),     SMTP_EOL_STRICT, true,
     "a\n\nb\n",                                                                                          0, true },
    {"CRLF . LF does not end",       TEXT("a\r\n.\nb\r\n.\r\n"),     SMTP_EOL_STRICT, true,
     "a\n\nb\n",                                                                                          0, true },
    {"CR . CR does not end",         TEXT("a\r.\rb\r\n.\r\n"),       SMTP_EOL_STRICT, true,  "a\r.\rb\n",
     0,                                                                                                      false},
    {"CRLF . CR CR LF does not end", TEXT("a\r\n.\r\r\nb\r\n.\r\n"), SMTP_EOL_STRICT, true,
     "a\n\r\nb\n",                                                                                        0, false},
    {"CRLF . NUL CRLF does not end", TEXT("a\r\n.x\r\n.\r\n"),       SMTP_EOL_STRICT, true,
     "a\nx\n",                                                                                            0, false},
    {"bare CR stays",                TEXT("a\rb\r\n.\r\n"),          SMTP_EOL_STRICT, true,  "a\rb\n",    0, false},
    {"CR CR LF keeps one",           TEXT("a\r\r\n.\r\n"),           SMTP_EOL_STRICT, true,  "a\r\n",     0, false},
    {"LF . LF ends where allowed",   TEXT("a\n.\nQUIT"),             SMTP_EOL_ANY,    true,  "a\n",       4, true },
    {"no end yet",                   TEXT("a\r\n."),                 SMTP_EOL_STRICT, false, "a\n",       0, false},
};

// Decodes in pieces of `step` bytes, as reads may cut them.
static void run(size_t i, size_t step)
{
    struct smtp_data d;
    char out[256];
    size_t len = 0, at = 0;

    smtp_data_begin(&d, cases[i].eol, true);
    while (at < cases[i].in.len && !smtp_data_is_ended(&d)) {
        size_t got;

        at += smtp_data_decode(&d, str_sub(cases[i].in, at, step), out + len, &got);
        len += got;
    }
    out[len] = '\0';
    check_case(cases[i].why, smtp_data_is_ended(&d) == cases[i].ends);
    check_text(cases[i].why, out, cases[i].out);
    check_case(cases[i].why, !cases[i].ends || cases[i].in.len - at == cases[i].left);
    check_case(cases[i].why, d.saw_bare_lf == cases[i].bare);
}

static void decodes_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t step = 1; step < 20; step++)
            run(i, step);
}

static void bdat_has_no_dots(void **state)
{
    struct smtp_data d;
    char out[64];
    size_t len, tail;

    (void)state;
    smtp_data_begin(&d, SMTP_EOL_STRICT, false);
    smtp_data_decode(&d, STR_LIT(".\r\n..a\r"), out, &len);
    smtp_data_finish(&d, out + len, &tail);
    out[len + tail] = '\0';
    check_text("bdat", out, ".\n..a\r\n");
    assert_true(smtp_data_is_ended(&d));
}

static void counts_lines_as_sent(void **state)
{
    struct smtp_data d;
    char out[64];
    size_t len;

    (void)state;
    smtp_data_begin(&d, SMTP_EOL_STRICT, true);
    smtp_data_decode(&d, STR_LIT("ab\r\ncd\r\n.\r\n"), out, &len);
    assert_int_equal(d.size, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_however_it_is_cut),
        cmocka_unit_test(bdat_has_no_dots),
        cmocka_unit_test(counts_lines_as_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
