// test_board: the scoreboard is shared, bounded, and distrusted.
#include "service/board.h"
#include "unit.h"
#include <sys/wait.h>
#include <unistd.h>

static void is_seen_by_other_processes(void **state)
{
    (void)state;
    int fd = -1, status;
    struct board *board = board_new(8, &fd);

    check_case("made", board != NULL);
    board_set(board, 3, BOARD_STARTING);
    pid_t pid = fork();
    if (pid == 0) {
        struct board *mine = board_map(fd);
        bool ok =
            mine != NULL && mine->slots_len == 8 && board_get(mine, 3) == BOARD_STARTING;
        if (ok)
            board_set(mine, 3, BOARD_IDLE);
        _exit(ok ? 0 : 1);
    }
    check_case("child", waitpid(pid, &status, 0) == pid && status == 0);
    check_case("its word arrived", board_get(board, 3) == BOARD_IDLE);
    board_free(board);
    close(fd);
}

static void nonsense_counts_as_busy(void **state)
{
    (void)state;
    int fd = -1;
    struct board *board = board_new(1, &fd);

    atomic_store(&board->slots[0].state, 4711);
    check_case("busy", board_get(board, 0) == BOARD_BUSY);
    board->slots_len = 1000000;
    check_case("a wrong size is not mapped", board_map(fd) == NULL);
    board->slots_len = 1;
    board_free(board);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_seen_by_other_processes),
        cmocka_unit_test(nonsense_counts_as_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
