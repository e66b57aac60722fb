// fuzz_queue_file: any bytes as a queue file: envelope, content, further recipients.
#include "mail/queue_file.h"
#include "util/file.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    int fd = memfd_create("message", MFD_CLOEXEC);
    struct queue_file qf = {0};
    struct error err = {0};
    struct str text;
    bool ends;

    if (fd >= 0 && fd_write_all(fd, data, size) &&
        queue_file_read(arena, fd, 2, &qf, &err)) {
        struct content_reader *content = content_open(fd, qf.data_offset, arena);

        while (content_next(content, &text, &ends, &err))
            ;
        // Recipients that stand in a circle of portions end as well.
        for (int i = 0; i < 100 && qf.has_more_rcpts; i++)
            if (!queue_file_read_more(arena, fd, 2, &qf, &err))
                break;
        for (size_t i = 0; i < qf.rcpts_len; i++)
            (void)!queue_file_mark_done(fd, qf.rcpts[i].offset, &err);
        (void)!queue_file_clear_warning(fd, &qf, &err);
    }
    if (fd >= 0)
        close(fd);
    arena_free(arena);
    return 0;
}
