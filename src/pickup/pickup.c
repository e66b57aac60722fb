// pickup: hands the files that postdrop(1) left in maildrop/ to cleanup(8).
#include "mail/maildrop.h"
#include "mail/queue_dir.h"
#include "pickup/pickup_config.h"
#include "service/service.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// A file that is still not finished after so long never will be.
#define HALF_FILE_AGE (24 * 3600)

static struct pickup_config config;
static struct queue_dir queue;
static struct cleanup_client *client; // kept for the process

enum fate { FATE_DONE, FATE_KEEP, FATE_CORRUPT };

// The whole file. Its writer's lies end here: it is read into memory of ours.
static bool read_file(struct arena *arena, int fd, const struct stat *st, struct str *data,
                      struct error *err)
{
    char *text = arena_alloc(arena, (size_t)st->st_size + 1);
    ssize_t len = fd_read_full(fd, text, (size_t)st->st_size);

    if (len < 0)
        return error_temp(err, "4.3.0", "read: %m");
    *data = str_n(text, (size_t)len);
    return true;
}

static enum fate submit(struct service *svc, struct arena *arena, struct str data,
                        const struct stat *st, const char *path)
{
    const struct mail_config *mail = service_mail(svc);
    struct maildrop_origin from = {
        .uid = (long)st->st_uid,
        // Only the mail system itself puts its own files here.
        .is_requeued = st->st_uid == geteuid() && !service_is_rootless(svc),
        .content_filter = mail->content_filter,
        .receive_override_options = config.receive_override_options,
    };
    struct maildrop drop;
    struct cleanup_result result;
    struct error err;
    char id[64];

    if (service_is_rootless(svc))
        from.is_requeued = data.len > 0 && data.ptr[0] == REC_SIZE;
    if (!maildrop_parse(arena, data, from.is_requeued, &drop, &err)) {
        log_warn("%s: uid=%ld: %s", path, from.uid, err.text);
        return FATE_CORRUPT;
    }
    if (from.is_requeued && drop.orig_id[0] == 0) // the file kept its name
        drop.orig_id = strrchr(path, '/') + 1;
    if (client == NULL && (client = cleanup_client_open(mail, &err)) == NULL) {
        log_warn("%s: %s", path, err.text);
        return FATE_KEEP;
    }
    if (!maildrop_submit(client, mail, arena, &drop, &from, id, &result, &err)) {
        log_warn("%s: %s", path, err.text);
        cleanup_client_close(client);
        client = NULL;
        return FATE_KEEP;
    }
    if (result.status == CLEANUP_OK)
        return FATE_DONE;
    if (result.status == CLEANUP_NO_RCPTS) {
        log_warn("%s: uid=%ld: no recipients specified", path, from.uid);
        return FATE_DONE;
    }
    log_warn("%s: message not accepted (status %lld%s%s), will try again", path,
             (long long)result.status, result.reason[0] != 0 ? ": " : "", result.reason);
    return FATE_KEEP;
}

static enum fate take_file(struct service *svc, const char *path)
{
    enum fate fate = FATE_KEEP;
    struct error err;
    struct stat st;
    struct str data = {NULL, 0};
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        if (errno != ENOENT && errno != EACCES)
            log_warn("open %s: %m", path);
        return FATE_KEEP;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        log_warn("%s: not a plain file", path);
        close(fd);
        return FATE_KEEP;
    }
    if (!(st.st_mode & S_IXUSR)) { // still being written, or left behind
        close(fd);
        return st.st_mtime + HALF_FILE_AGE < moment_now().sec ? FATE_DONE : FATE_KEEP;
    }
    struct arena *arena = arena_new();

    if (read_file(arena, fd, &st, &data, &err))
        fate = submit(svc, arena, data, &st, path);
    else
        log_warn("%s: %s", path, err.text);
    arena_free(arena);
    close(fd);
    return fate;
}

// What is no message is kept for a look at it. False: the file is still there.
static bool put_away(enum fate fate, const char *name, const char *path, bool is_id)
{
    if (fate == FATE_CORRUPT && is_id) {
        log_warn("moving %s to the corrupt queue", path);
        if (queue_move(&queue, "maildrop", "corrupt", name))
            return true;
    } else if (unlink(path) == 0) {
        return true;
    }
    log_warn("remove %s: %m", path);
    return false;
}

// A file that fails for now stays where it is: the next wake-up tries it again.
static void empty_maildrop(struct service *svc, struct str bytes)
{
    char name[64], path[QUEUE_PATH_SIZE];
    bool is_id, again = true;

    (void)bytes;
    while (again) { // what came in meanwhile need not wait for the next wake-up
        struct queue_scan *scan = queue_scan_open(&queue, "maildrop");

        again = false;
        while (queue_scan_next(scan, name, path, &is_id)) {
            service_alive(svc);
            enum fate fate = take_file(svc, path);

            if (fate != FATE_KEEP && put_away(fate, name, path, is_id))
                again = true;
        }
        queue_scan_close(scan);
    }
}

static bool check_config(struct service *svc, struct error *err)
{
    int64_t flags;

    (void)svc;
    return receive_overrides_parse(config.receive_override_options, &flags, err);
}

static void start(struct service *svc)
{
    queue_dir_init(&queue, service_mail(svc));
}

static const struct service_spec pickup = {
    .name = "pickup",
    .model = SERVICE_TRIGGER,
    .needs = SERVICE_ONE_PROCESS | SERVICE_NO_PRIVILEGE,
    .params = pickup_params,
    .config = &config,
    .before_jail = check_config,
    .on_start = start,
    .on_wake = empty_maildrop,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &pickup);
}
