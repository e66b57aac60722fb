// test_run_command: commands, their environment, their end and what it means.
#include "mail/queue_file.h"
#include "mail/run_command.h"
#include "unit.h"
#include "util/file.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int content_fd = -1;

// A message of about 1 MB: more than pipes hold.
static int make_content(void **state)
{
    char name[] = "/tmp/test_command.XXXXXX";
    struct buf *out = buf_new(2 << 20);

    (void)state;
    content_fd = mkstemp(name);
    unlink(name);
    for (int i = 0; i < 20000; i++)
        assert_true(
            record_put(out, REC_LINE, STR_LIT("a line of a message that is long enough")));
    assert_true(record_put(out, REC_EXTRACTED, STR_LIT("")));
    assert_true(fd_write_all(content_fd, buf_view(out).ptr, buf_view(out).len));
    buf_free(out);
    return 0;
}

static const struct {
    const char *why, *line, *dsn, *text;
} ends[] = {
    {"reads all",             "cat >/dev/null",                "2.0.0", ""                                               },
    {"reads nothing",         "exit 0",                        "2.0.0", ""                                               },
    {"prints while it reads", "cat",                           "2.0.0", ""                                               },
    {"no such user",          "exit 67",                       "5.1.1", "user unknown"                                   },
    {"temporary",             "echo later; exit 75",           "4.3.0",
     "temporary failure. Command output: later\n"                                                                        },
    {"other status",          "echo hello; exit 3",            "5.3.0",
     "Command died with status 3: \"echo hello; exit 3\". Command output: hello\n"                                       },
    {"code in the output",    "echo 4.1.6 moved away; exit 1", "4.1.6", "moved away\n"                                   },
    {"no code",               "echo 4.1.6moved; exit 69",      "5.3.0",
     "service unavailable. Command output: 4.1.6moved\n"                                                                 },
    {"signal",                "kill -9 $$",                    "4.3.0", "Command died with signal 9: \"kill -9 $$\""     },
    {"time",                  "sleep 30; true",                "5.3.0", "Command time limit exceeded: \"sleep 30; true\""},
    {"child keeps the pipe",  "sleep 30 & exit 0",             "5.3.0",
     "Command time limit exceeded: \"sleep 30 & exit 0\""                                                                },
    {"no program",            "/nonexistent/prog x",           "4.3.0",
     "temporary failure. Command output: local: fatal: execvp /nonexistent/prog: No such "
     "file "
     "or directory\n"                                                                                                    },
};

static void judges_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct arena *arena = arena_new();
        struct command command = {
            .program = "local",
            .line = ends[i].line,
            .environment = command_environment(arena, "", NULL),
            .uid = getuid() == 0 ? 65534 : getuid(),
            .gid = getuid() == 0 ? 65534 : getgid(),
            .time_limit = {1},
            .queue_fd = content_fd,
        };
        struct command_result result;
        struct error err = {0};

        run_command(arena, &command, &result, &err);
        struct command_verdict verdict = command_judge(arena, &result, ends[i].line, &err);
        check_text(ends[i].why, verdict.dsn, ends[i].dsn);
        check_text(ends[i].why, verdict.text, ends[i].text);
        arena_free(arena);
    }
}

static void environment_is_clean(void **state)
{
    struct arena *arena = arena_new();
    struct text_list extra = {0};

    (void)state;
    setenv("KEPT", "yes", 1);
    setenv("DROPPED", "yes", 1);
    text_list_add(arena, &extra, "USER=ann");
    const char *const *env =
        command_environment(arena, "KEPT, GIVEN=1 {WITH=a b} MISSING", &extra);
    check_text("path", env[0], "PATH=/usr/bin:/bin");
    check_text("kept", env[1], "KEPT=yes");
    check_text("given", env[2], "GIVEN=1");
    check_text("braces", env[3], "WITH=a b");
    check_text("extra", env[4], "USER=ann");
    assert_null(env[5]);
    check_text("filter", command_filter(arena, "a;b$(c)", "abc"), "a_b__c_");
    arena_free(arena);
}

static const struct {
    const char *line;
    bool shell;
} lines[] = {
    {"/bin/cat -n file", false},
    {"cat",              false},
    {"exit 67",          true },
    {"a | b",            true },
    {"A=1 cmd",          true },
    {"cmd x=1",          false},
    {"",                 true },
    {"cmd $HOME",        true },
    {": nothing",        true },
    {"/usr/bin/exit",    false},
};

static void knows_when_a_shell_is_needed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        check_case(lines[i].line, command_needs_shell(lines[i].line) == lines[i].shell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_ends),
        cmocka_unit_test(environment_is_clean),
        cmocka_unit_test(knows_when_a_shell_is_needed),
    };

    return cmocka_run_group_tests(tests, make_content, NULL);
}
