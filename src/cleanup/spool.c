// spool: the content of a message while it comes in, in memory or in a file without a name.
#include "cleanup/spool.h"
#include "util/buf.h"
#include "util/file.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// Up to here a message stays in memory.
#define MEMORY_MAX (1u << 20)

struct spool {
    struct buf *memory;
    const char *folder;
    size_t max, len;
    int fd; // -1 while in memory
    void *map;
    size_t map_len;
};

static void release(void *arg)
{
    struct spool *s = arg;

    if (s->map != NULL)
        munmap(s->map, s->map_len);
    if (s->fd >= 0)
        close(s->fd);
    buf_free(s->memory);
}

struct spool *spool_make(struct arena *arena, const char *folder, size_t max)
{
    struct spool *s = ARENA_NEW(arena, struct spool);

    s->memory = buf_new(MEMORY_MAX);
    s->folder = folder;
    s->max = max;
    s->fd = -1;
    arena_on_reset(arena, release, s);
    return s;
}

static bool to_file(struct spool *s, struct error *err)
{
    struct str held = buf_view(s->memory);

    s->fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return error_temp(err, "4.3.0", "create a file in %s: %m", s->folder);
    if (!fd_write_all(s->fd, held.ptr, held.len))
        return error_temp(err, "4.3.0", "write a file in %s: %m", s->folder);
    buf_clear(s->memory);
    return true;
}

bool spool_add(struct spool *s, struct str data, struct error *err)
{
    s->len += data.len;
    if (spool_is_over(s))
        return true;
    if (s->fd < 0 && buf_append(s->memory, data))
        return true;
    if (s->fd < 0 && !to_file(s, err))
        return false;
    if (!fd_write_all(s->fd, data.ptr, data.len))
        return error_temp(err, "4.3.0", "write a file in %s: %m", s->folder);
    return true;
}

bool spool_is_over(const struct spool *s)
{
    return s->max > 0 && s->len > s->max;
}

bool spool_view(struct spool *s, struct str *content, struct error *err)
{
    if (s->fd < 0) {
        *content = buf_view(s->memory);
        return true;
    }
    off_t size = lseek(s->fd, 0, SEEK_END);
    void *map =
        size <= 0 ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, s->fd, 0);

    if (map == MAP_FAILED)
        return error_temp(err, "4.3.0", "map a file in %s: %m", s->folder);
    s->map = map;
    s->map_len = (size_t)size;
    *content = str_n(map, (size_t)size);
    return true;
}
