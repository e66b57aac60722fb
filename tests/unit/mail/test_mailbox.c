// test_mailbox: messages into mbox and Maildir files, and the locks around them.
#include "mail/maildir.h"
#include "mail/mbox.h"
#include "mail/privilege.h"
#include "mail/queue_file.h"
#include "unit.h"
#include "util/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

static char folder[64];
static struct mailbox_lock_policy policy = {
    .methods = MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOTLOCK,
    .attempts = 1,
    .delay = {0},
    .stale = {500},
};

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/test_mailbox.XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : chmod(folder, 0755);
}

static int remove_folder(void **state)
{

    pid_t pid = fork();

    (void)state;

    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", folder, (char *)NULL);
        _exit(1);
    }
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static const char *path(struct arena *arena, const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

// A file with nothing but content records, as the agents read it.
static int make_content(struct arena *arena, const char *text)
{
    int fd = open(path(arena, "content"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct buf *out = buf_make(arena, 1 << 20);
    struct str rest = str_c(text);
    struct str line;

    while (str_take_line(&rest, &line))
        assert_true(record_put(out, REC_LINE, line));
    assert_true(record_put(out, REC_EXTRACTED, STR_LIT("")));
    assert_true(fd_write_all(fd, buf_view(out).ptr, buf_view(out).len));
    return fd;
}

static struct mail_file mbox_file(struct arena *arena, const char *name, int fd)
{
    return (struct mail_file){
        .path = path(arena, name),
        .uid = geteuid(),
        .gid = getegid(),
        .strict_ownership = true,
        .lock = &policy,
        .queue_fd = fd,
        .format = {.from_line = "a@x.example",
                   .return_path = "a@x.example",
                   .original_to = "o@y.example",
                   .delivered_to = "d@y.example",
                   .quote_from = true,
                   .blank_end = true},
    };
}

static const char *contents(struct arena *arena, const char *name)
{
    struct str data;
    struct error err;

    return file_read_all(arena, path(arena, name), 1 << 20, &data, &err)
               ? arena_text(arena, data)
               : NULL;
}

static const char message[] = "Subject: x\n\nFrom me\n>From you\n.dot\n";

static void mbox_has_postfix_form(void **state)
{
    struct arena *arena = arena_new();
    struct mail_file file = mbox_file(arena, "box", make_content(arena, message));
    struct error err;

    (void)state;
    assert_true(mbox_deliver(arena, &file, &err));
    const char *text = contents(arena, "box");
    assert_non_null(text);
    assert_int_equal(strncmp(text, "From a@x.example  ", 18), 0);
    check_text("rest", strchr(text, '\n') + 1,
               "Return-Path: <a@x.example>\nX-Original-To: o@y.example\n"
               "Delivered-To: d@y.example\nSubject: x\n\n>From me\n>From you\n.dot\n\n");
    assert_int_equal(access(path(arena, "box.lock"), F_OK), -1);
    close(file.queue_fd);
    arena_free(arena);
}

static void mbox_rolls_back(void **state)
{
    struct arena *arena = arena_new();
    struct mail_file file = mbox_file(arena, "full", make_content(arena, message));
    struct error err;

    (void)state;
    assert_true(mbox_deliver(arena, &file, &err));
    size_t before = strlen(contents(arena, "full"));
    file.limit = (int64_t)before + 50;
    assert_false(mbox_deliver(arena, &file, &err));
    check_text("dsn", err.dsn, "5.2.2");
    check_text("text", err.text, "error writing message: File too large");
    assert_int_equal(strlen(contents(arena, "full")), before);
    close(file.queue_fd);

    // A queue file that ends too early is temporary, and leaves nothing behind either.
    file.limit = 0;
    file.queue_fd = make_content(arena, message);
    assert_int_equal(ftruncate(file.queue_fd, 20), 0);
    assert_false(mbox_deliver(arena, &file, &err));
    assert_int_equal(err.kind, ERROR_TEMPORARY);
    assert_int_equal(strlen(contents(arena, "full")), before);
    close(file.queue_fd);
    arena_free(arena);
}

static void mbox_refuses_what_is_unfit(void **state)
{
    struct arena *arena = arena_new();
    struct mail_file file = mbox_file(arena, "dir", make_content(arena, message));
    struct error err;

    (void)state;
    assert_int_equal(mkdir(file.path, 0700), 0);
    assert_false(mbox_deliver(arena, &file, &err));
    check_text("folder", err.text, "cannot open file: Is a directory");
    file.path = path(arena, "missing/box");
    assert_false(mbox_deliver(arena, &file, &err));
    check_text("no folder", err.text,
               "cannot create file exclusively: No such file or directory");
    check_text("no folder", err.dsn, "5.2.0");
    file.path = path(arena, "link");
    assert_int_equal(symlink("/etc/hostname", file.path), 0);
    if (geteuid() != 0) { // root may place links where only root can
        assert_false(mbox_deliver(arena, &file, &err));
        check_text("link", err.dsn, "5.2.0");
    }
    file.path = "/dev/null";
    assert_true(mbox_deliver(arena, &file, &err));
    close(file.queue_fd);
    arena_free(arena);
}

static void dot_locks_exclude_and_go_stale(void **state)
{
    struct arena *arena = arena_new();
    const char *box = path(arena, "locked");
    struct utimbuf old = {time(NULL) - 1000, time(NULL) - 1000};
    struct mailbox_lock_policy patient = policy;
    struct error err;

    (void)state;
    assert_true(dot_lock(box, &policy, &err));
    assert_false(dot_lock(box, &policy, &err));
    assert_int_equal(errno, EAGAIN);
    check_text("dsn", err.dsn, "4.2.0");
    assert_int_equal(utime(path(arena, "locked.lock"), &old), 0);
    patient.attempts = 2;
    assert_true(dot_lock(box, &patient, &err));
    dot_unlock(box);
    assert_int_equal(access(path(arena, "locked.lock"), F_OK), -1);
    arena_free(arena);
}

static void kernel_locks_exclude(void **state)
{
    struct arena *arena = arena_new();
    const char *box = path(arena, "kernel");
    int fd = open(box, O_RDWR | O_CREAT, 0600);
    struct error err;

    (void)state;
    for (unsigned method = MAILBOX_LOCK_FCNTL; method <= MAILBOX_LOCK_FLOCK; method <<= 1) {
        struct mailbox_lock_policy one = policy;

        one.methods = method;
        assert_true(mailbox_lock_fd(fd, &one, &err));
        pid_t pid = fork();
        if (pid == 0) {
            int other = open(box, O_RDWR);
            _exit(mailbox_lock_fd(other, &one, &err) || strcmp(err.dsn, "4.2.0") != 0);
        }
        int status;
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
    close(fd);
    arena_free(arena);
}

static void lock_names_are_checked(void **state)
{
    unsigned methods = 0;
    struct error err;

    (void)state;
    assert_true(
        mailbox_lock_parse("virtual_mailbox_lock", "fcntl, DOTLOCK", &methods, &err));
    assert_int_equal(methods, MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOTLOCK);
    assert_false(mailbox_lock_parse("virtual_mailbox_lock", "fcntl foo", &methods, &err));
    check_text("text", err.text,
               "unknown virtual_mailbox_lock value \"foo\" in \"fcntl foo\"");
}

static void maildir_gets_a_new_file(void **state)
{
    struct arena *arena = arena_new();
    struct mail_file file = mbox_file(arena, "md/deep/", make_content(arena, message));
    struct error err;
    struct dirent *entry;
    size_t found = 0;

    (void)state;
    file.format = (struct mail_format){.delivered_to = "d@y.example"};
    assert_true(maildir_deliver(arena, &file, &err));
    assert_true(maildir_deliver(arena, &file, &err));
    DIR *dir = opendir(path(arena, "md/deep/new"));
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        found++;
        check_text("content",
                   contents(arena, arena_printf(arena, "md/deep/new/%s", entry->d_name)),
                   "Delivered-To: d@y.example\nSubject: x\n\nFrom me\n>From you\n.dot\n");
    }
    closedir(dir);
    assert_int_equal(found, 2);
    file.limit = 10;
    assert_false(maildir_deliver(arena, &file, &err));
    check_text("limit", err.text, "error writing message: File too large");
    assert_int_equal(rmdir(path(arena, "md/deep/tmp")), 0); // nothing was left there
    close(file.queue_fd);
    arena_free(arena);
}

static void maildir_names(void **state)
{
    struct arena *arena = arena_new();
    struct moment when = {1795438933, 324822};

    (void)state;
    check_text("name", maildir_name(arena, when, 0xfe00, 0xab8003, "mail"),
               "1795438933.Vfe00Iab8003M324822.mail");
    check_text("host", maildir_host(arena, "a/b:c"), "a\\057b\\072c");
    arena_free(arena);
}

static void copies_for_the_wire(void **state)
{
    struct arena *arena = arena_new();
    struct mail_file file =
        mbox_file(arena, "bsmtp", make_content(arena, "a: b\n\n.x\nFrom y\n"));
    struct error err;

    (void)state;
    file.format = (struct mail_format){.eol = STR_LIT("\r\n"), .stuff_dots = true};
    assert_true(mbox_deliver(arena, &file, &err));
    check_text("bsmtp", contents(arena, "bsmtp"), "a: b\r\n\r\n..x\r\nFrom y\r\n");
    close(file.queue_fd);
    arena_free(arena);
}

static void acts_as_the_writer(void **state)
{
    struct arena *arena = arena_new();
    struct mail_file file = mbox_file(arena, "spool/box", make_content(arena, message));
    struct error err;
    struct stat st;

    (void)state;
    assert_int_equal(mkdir(path(arena, "spool"), 0755), 0);
    file.uid = 54321;
    file.gid = 54321;
    file.system_spool = true;
    if (!privilege_is_available()) {
        assert_false(mbox_deliver(arena, &file, &err));
        assert_int_equal(err.kind, ERROR_TEMPORARY);
    } else {
        assert_true(mbox_deliver(arena, &file, &err));
        assert_true(mbox_deliver(arena, &file, &err));
        assert_int_equal(stat(file.path, &st), 0);
        assert_int_equal(st.st_uid, 54321);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(geteuid(), 0);
        // Not a system spool: the writer may not create anything there.
        file.system_spool = false;
        file.path = path(arena, "spool/other");
        assert_false(mbox_deliver(arena, &file, &err));
        file.path = path(arena, "content"); // somebody else's file
        assert_false(mbox_deliver(arena, &file, &err));
        assert_int_equal(geteuid(), 0);
    }
    close(file.queue_fd);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mbox_has_postfix_form),
        cmocka_unit_test(mbox_rolls_back),
        cmocka_unit_test(mbox_refuses_what_is_unfit),
        cmocka_unit_test(dot_locks_exclude_and_go_stale),
        cmocka_unit_test(kernel_locks_exclude),
        cmocka_unit_test(lock_names_are_checked),
        cmocka_unit_test(maildir_gets_a_new_file),
        cmocka_unit_test(maildir_names),
        cmocka_unit_test(copies_for_the_wire),
        cmocka_unit_test(acts_as_the_writer),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
