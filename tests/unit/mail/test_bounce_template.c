// test_bounce_template: bounce_template_file is read, and its mistakes name file and line.
#include "unit.h"
#include "mail/bounce_template.h"
#include "util/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *why, *text;
    const char *mistake; // part of the error; NULL: none
    const char *subject, *body;
} cases[] = {
    {"empty file",     "",                                                  NULL,                            "Undelivered Mail Returned to Sender", NULL                     },
    {"a template",
     "# comment\n\nfailure_template = <<EOF\nCharset: utf-8\nSubject:  Nope \n\nHello\n"
     "# no comment\n\nEOF\n",                                               NULL,                            "Nope",                                "Hello\n# no comment\n\n"},
    {"no end",         "\nfailure_template = <<EOF\nSubject: x\n\nHello\n", "line 5: missing end",
     NULL,                                                                                                                                          NULL                     },
    {"unknown name",   "other_template = <<EOF\n\nEOF\n",                   "line 1: unknown template name",
     NULL,                                                                                                                                          NULL                     },
    {"unknown header", "failure_template = <<EOF\nX-Y: z\n\nEOF\n",
     "line 2: unknown template",                                                                             NULL,                                  NULL                     },
    {"no header",      "failure_template = <<EOF\nHello\n\nEOF\n",
     "line 2: missing template header",                                                                      NULL,                                  NULL                     },
    {"no mark",        "failure_template = EOF\n",                          "line 1: expected",              NULL,                                  NULL                     },
    {"junk",           "hello\n",                                           "line 1: expected",              NULL,                                  NULL                     },
};

static void files_are_read(void **state)
{
    char path[] = "/tmp/test_bounce_template.XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    close(fd);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *arena = arena_new();
        struct bounce_templates t;
        struct error err = {0};

        assert_true(file_replace(path, str_c(cases[i].text), 0600, &err));
        bool good = bounce_templates_load(&t, arena, path, &err);
        check_case(cases[i].why, good == (cases[i].mistake == NULL));
        if (!good)
            check_case(cases[i].why, strstr(err.text, cases[i].mistake) != NULL &&
                                         strstr(err.text, path) != NULL);
        if (good && cases[i].subject != NULL)
            check_case(cases[i].why, strcmp(t.all[0].subject, cases[i].subject) == 0);
        if (good && cases[i].body != NULL)
            check_case(cases[i].why, strcmp(t.all[0].body, cases[i].body) == 0);
        arena_free(arena);
    }
    unlink(path);
}

static void printed_templates_read_back(void **state)
{
    struct arena *arena = arena_new();
    struct buf *out = buf_make(arena, 1 << 20);
    char path[] = "/tmp/test_bounce_template.XXXXXX";
    struct bounce_templates built_in, read;
    struct error err = {0};

    (void)state;
    close(mkstemp(path));
    assert_true(bounce_templates_load(&built_in, arena, "", &err));
    assert_true(bounce_templates_print(&built_in, NULL, NULL, out, &err));
    assert_true(file_replace(path, buf_view(out), 0600, &err));
    assert_true(bounce_templates_load(&read, arena, path, &err));
    for (size_t i = 0; i < BOUNCE_TEMPLATES; i++) {
        assert_string_equal(read.all[i].body, built_in.all[i].body);
        assert_string_equal(read.all[i].postmaster_subject,
                            built_in.all[i].postmaster_subject);
    }
    unlink(path);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(printed_templates_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
