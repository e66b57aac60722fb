// test_queue_dir: files are made, found at either depth, moved, removed and listed.
#include "unit.h"
#include "mail/queue_dir.h"
#include "mail/queue_id.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/test_queue_dir.XXXXXX";
static const struct queue_dir hashed = {"incoming, deferred", 1, false};
static const struct queue_dir flat = {"", 0, false};
static const struct queue_dir deep = {"incoming deferred", 2, true};

static int setup(void **state)
{
    (void)state;
    return mkdir("incoming", 0700) | mkdir("deferred", 0700) | mkdir("active", 0700);
}

static int teardown(void **state)
{
    char name[64], path[QUEUE_PATH_SIZE], command[] = "incoming";
    bool is_id;

    (void)state;
    (void)command;
    for (const char **q = (const char *[]){"incoming", "deferred", "active", NULL}; *q;
         q++) {
        struct queue_scan *scan = queue_scan_open(&flat, *q);
        while (queue_scan_next(scan, name, path, &is_id))
            unlink(path);
        queue_scan_close(scan);
        for (const char *a = "0123456789ABCDEF_"; *a; a++) {
            for (const char *b = "0123456789ABCDEF_"; *b; b++) {
                snprintf(path, sizeof(path), "%s/%c/%c", *q, *a, *b);
                rmdir(path);
            }
            snprintf(path, sizeof(path), "%s/%c", *q, *a);
            rmdir(path);
        }
        rmdir(*q);
    }
    return 0;
}

static void paths_are_hashed(void **state)
{
    static const struct {
        const char *why;
        const struct queue_dir *q;
        const char *queue, *id, *path;
    } cases[] = {
        {"one level",       &hashed, "deferred", "5CCCFAB64E1",  "deferred/5/5CCCFAB64E1"  },
        {"not in the list", &hashed, "active",   "5CCCFAB64E1",  "active/5CCCFAB64E1"      },
        {"two levels",      &deep,   "deferred", "5CCCFAB64E1",  "deferred/5/C/5CCCFAB64E1"},
        {"long ID",         &hashed, "deferred", "4jY5gn0000z0", "deferred/0/4jY5gn0000z0" },
        {"too short",       &deep,   "deferred", "7",            "deferred/7/_/7"          },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[QUEUE_PATH_SIZE];

        queue_path(cases[i].q, path, cases[i].queue, cases[i].id);
        check_case(cases[i].why, strcmp(path, cases[i].path) == 0);
    }
}

static void a_file_lives_through_the_queues(void **state)
{
    char id[64], path[QUEUE_PATH_SIZE];
    struct error err;
    struct stat st;
    uint64_t inode;

    (void)state;
    int fd = queue_create(&hashed, "incoming", (struct moment){5, 0x12345}, id, &err);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    close(fd);
    assert_true(queue_id_inode(id, &inode));
    assert_true(inode == st.st_ino);
    assert_memory_equal(id, "12345", 5);

    assert_true(queue_move(&hashed, "incoming", "active", id));
    assert_false(queue_move(&hashed, "incoming", "active", id));
    assert_int_equal(errno, ENOENT);
    assert_true(queue_move(&hashed, "active", "deferred", id));
    snprintf(path, sizeof(path), "deferred/1/%s", id);
    assert_int_equal(access(path, F_OK), 0);

    // Another configuration finds it too.
    fd = queue_open(&flat, "deferred", id, O_RDONLY, path);
    assert_true(fd >= 0);
    close(fd);
    assert_true(queue_move(&flat, "deferred", "incoming", id));
    fd = queue_open(&deep, "incoming", id, O_RDONLY, path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(path, sizeof(path), "incoming/%s", id);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(queue_remove(&deep, "incoming", id));
    assert_false(queue_remove(&deep, "incoming", id));
}

static void a_taken_name_is_not_overwritten(void **state)
{
    char id[64], other[64], taken[QUEUE_PATH_SIZE];
    struct error err;
    struct stat st;

    (void)state;
    int fd = queue_create(&flat, "incoming", (struct moment){5, 1}, id, &err);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(queue_remove(&flat, "incoming", id));
    close(fd);
    // The next file mostly gets the inode that was set free: put something in its way.
    snprintf(taken, sizeof(taken), "incoming/%s", id);
    assert_int_equal(mkdir(taken, 0700), 0);
    fd = queue_create(&flat, "incoming", (struct moment){5, 1}, other, &err);
    assert_true(fd >= 0);
    assert_string_not_equal(id, other);
    close(fd);
    assert_int_equal(rmdir(taken), 0);
}

static void scanning_finds_all_depths(void **state)
{
    static const struct queue_dir *const layouts[] = {&flat, &hashed, &deep};
    char id[64], name[64], path[QUEUE_PATH_SIZE];
    struct error err;
    size_t seen = 0, ids = 0;
    bool is_id;

    (void)state;
    for (size_t i = 0; i < 30; i++) {
        int fd = queue_create(layouts[i % 3], "incoming",
                              (struct moment){5, (int32_t)(i * 30000)}, id, &err);
        assert_true(fd >= 0);
        close(fd);
    }
    close(open("incoming/123.456", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    struct queue_scan *scan = queue_scan_open(&hashed, "incoming");
    while (queue_scan_next(scan, name, path, &is_id)) {
        seen++;
        ids += is_id;
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(is_id, strcmp(name, "123.456") != 0);
    }
    queue_scan_close(scan);
    assert_int_equal(seen, 31);
    assert_int_equal(ids, 30);

    scan = queue_scan_open(&hashed, "nonexistent");
    assert_false(queue_scan_next(scan, name, path, &is_id));
    queue_scan_close(scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_hashed),
        cmocka_unit_test_setup_teardown(a_file_lives_through_the_queues, setup, teardown),
        cmocka_unit_test_setup_teardown(a_taken_name_is_not_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(scanning_finds_all_depths, setup, teardown),
    };
    if (mkdtemp(dir) == NULL || chdir(dir) < 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(dir);
    return failed;
}
