// table_db: hash and btree tables: Berkeley DB files, as Postfix writes and reads them.
//
// Writers: a new table is made under a temporary name while the old one is locked, and
// renamed at the end, so that a reader never sees a part. Where the folder is not ours to
// write in, the old file is emptied and filled in place under its lock. Updates are done in
// place. Readers take no lock for each look-up: the file is checked *after* the look-up; if
// anything wrote to it since it was opened, the table is opened anew (under the lock) and
// asked again.
#include "table/table_type.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include <db.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_CACHE (128u << 10)
static size_t create_cache = 16u << 20;
static size_t read_cache = READ_CACHE;

// Whether keys and values end in a NUL that is stored, too. Both forms exist in the wild:
// look-ups try both until one hits.
enum nul_form { NUL_UNKNOWN, NUL_WITH, NUL_WITHOUT };

struct db_state {
    DB *db;
    DBC *cursor;
    struct arena *arena;
    const char *path;     // NAME.db
    const char *new_path; // the file being made, until commit; NULL when in place
    int lock_fd;          // -1: none held
    enum nul_form nul;
    bool is_writable, is_stale;
    struct stat seen;
    int64_t retry_after;
};

void table_set_create_cache(size_t bytes)
{
    create_cache = bytes;
}

void table_set_read_cache(size_t bytes)
{
    read_cache = bytes;
}

static size_t read_cache_for(off_t file_size)
{
    size_t whole = (size_t)file_size + (size_t)file_size / 4;

    return whole < READ_CACHE ? READ_CACHE : whole < read_cache ? whole : read_cache;
}

static DBT to_dbt(const void *data, size_t len)
{
    DBT dbt;

    memset(&dbt, 0, sizeof(dbt));
    dbt.data = (void *)(uintptr_t)data;
    dbt.size = (u_int32_t)len;
    return dbt;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static bool same_content(const struct stat *a, const struct stat *b)
{
    return same_file(a, b) && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_nlink == b->st_nlink;
}

// Opens and locks what stands at `path`, which may be replaced while we wait for the lock.
static int open_locked(const char *path, int flags, int lock)
{
    for (;;) {
        struct stat here, there;
        int fd = open(path, flags | O_CLOEXEC);

        if (fd < 0)
            return -1;
        while (flock(fd, lock) < 0)
            if (errno != EINTR) {
                close(fd);
                return -1;
            }
        if (fstat(fd, &here) == 0 && stat(path, &there) == 0 && same_file(&here, &there))
            return fd;
        close(fd);
    }
}

static void state_free(struct db_state *s)
{
    if (s->cursor != NULL)
        s->cursor->close(s->cursor);
    if (s->db != NULL)
        s->db->close(s->db, s->is_writable ? 0 : DB_NOSYNC);
    if (s->new_path != NULL)
        unlink(s->new_path);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    arena_free(s->arena);
}

static void db_close_table(struct table *t)
{
    state_free(t->state);
    t->state = NULL;
}

// Berkeley DB would write its reasons to standard error; ours is in errno.
static void no_messages(const DB_ENV *env, const char *prefix, const char *msg)
{
    (void)env;
    (void)prefix;
    (void)msg;
}

static bool open_db(struct table *t, struct db_state *s, const char *path, u_int32_t flags,
                    size_t cache, int mode, struct error *err)
{
    DBTYPE kind = t->type == &table_type_btree ? DB_BTREE : DB_HASH;
    int failure = db_create(&s->db, NULL, 0);

    if (failure != 0) {
        s->db = NULL;
        return error_temp(err, "4.3.0", "create DB handle: %s", db_strerror(failure));
    }
    s->db->set_errcall(s->db, no_messages);
    s->db->set_cachesize(s->db, 0, (u_int32_t)cache, 0);
    failure = s->db->open(s->db, NULL, path, NULL, kind, flags, mode);
    if (failure == 0)
        return true;
    errno = failure > 0 ? failure : EINVAL;
    return error_temp(err, "4.3.0", "open database %s: %m", s->path);
}

static void warn_if_older_than_source(const struct table *t, const struct db_state *s)
{
    struct stat source;

    // A source that was edited just now is about to be compiled.
    if (stat(t->name, &source) == 0 && source.st_mtime > s->seen.st_mtime &&
        source.st_mtime < time(NULL) - 100)
        log_warn("database %s is older than source file %s", s->path, t->name);
}

static bool open_for_reading(struct table *t, struct db_state *s, struct error *err)
{
    s->lock_fd = open_locked(s->path, O_RDONLY, LOCK_SH);
    if (s->lock_fd < 0)
        return error_temp(err, "4.3.0", "open database %s: %m", s->path);
    if (fstat(s->lock_fd, &s->seen) < 0)
        return error_temp(err, "4.3.0", "open database %s: %m", s->path);
    if (!open_db(t, s, s->path, DB_RDONLY, read_cache_for(s->seen.st_size), 0, err))
        return false;
    close(s->lock_fd);
    s->lock_fd = -1;
    warn_if_older_than_source(t, s);
    return true;
}

// The new file is to look as the old one; false when that is not in our power.
static bool copy_looks(int fd, const struct stat *old)
{
    struct stat mine;

    if (fstat(fd, &mine) < 0)
        return false;
    if ((mine.st_uid != old->st_uid || mine.st_gid != old->st_gid) &&
        fchown(fd, old->st_uid, old->st_gid) < 0)
        return false;
    return fchmod(fd, old->st_mode & 07777) == 0;
}

// An empty file beside the table that will replace it; NULL when it has to be done in
// place.
static const char *make_new_file(struct db_state *s)
{
    const char *path = arena_printf(s->arena, "%s.tmp.%ld", s->path, (long)getpid());
    struct stat old;
    int fd;

    if (s->lock_fd >= 0 && (fstat(s->lock_fd, &old) < 0 || old.st_nlink > 1))
        return NULL;
    unlink(path); // of an earlier process with this number
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return NULL;
    if (s->lock_fd >= 0 && !copy_looks(fd, &old)) {
        close(fd);
        unlink(path);
        return NULL;
    }
    close(fd);
    return path;
}

static void follow_link(struct db_state *s)
{
    char *target = realpath(s->path, NULL);

    if (target != NULL)
        s->path = arena_strdup(s->arena, target);
    free(target);
}

static bool open_for_creating(struct table *t, struct db_state *s, struct error *err)
{
    struct stat link;
    const char *name = s->path;

    if (lstat(s->path, &link) == 0 && S_ISLNK(link.st_mode))
        follow_link(s);
    s->lock_fd = open_locked(s->path, O_RDWR, LOCK_EX);
    if (s->lock_fd < 0 && errno != ENOENT)
        return error_temp(err, "4.3.0", "open database %s: %m", name);
    s->new_path = make_new_file(s);
    if (s->new_path == NULL && s->lock_fd < 0)
        return error_temp(err, "4.3.0", "open database %s: %m", name);
    // A file that is no database (or empty) cannot be truncated through Berkeley DB.
    if (s->new_path == NULL && ftruncate(s->lock_fd, 0) < 0)
        return error_temp(err, "4.3.0", "truncate %s: %m", name);
    if (s->new_path != NULL)
        unlink(s->new_path); // Berkeley DB makes it itself; the looks are copied at commit
    return open_db(t, s, s->new_path != NULL ? s->new_path : s->path,
                   DB_CREATE | (s->new_path == NULL ? DB_TRUNCATE : 0), create_cache, 0644,
                   err);
}

static bool open_for_update(struct table *t, struct db_state *s, struct error *err)
{
    s->lock_fd = open_locked(s->path, O_RDWR, LOCK_EX);
    if (s->lock_fd < 0 && errno == ENOENT && (t->flags & TABLE_CREATE)) {
        struct db_state empty = {.path = s->path, .lock_fd = -1};

        if (!open_db(t, &empty, s->path, DB_CREATE, READ_CACHE, 0644, err))
            return false;
        empty.db->close(empty.db, 0);
        s->lock_fd = open_locked(s->path, O_RDWR, LOCK_EX);
    }
    if (s->lock_fd < 0)
        return error_temp(err, "4.3.0", "open database %s: %m", s->path);
    return open_db(t, s, s->path, 0, create_cache, 0, err);
}

static bool db_open_table(struct table *t, struct error *err)
{
    struct arena *arena = arena_new();
    struct db_state *s = ARENA_NEW(arena, struct db_state);
    bool opened;

    s->arena = arena;
    s->lock_fd = -1;
    s->path = arena_printf(arena, "%s.db", t->name);
    s->is_writable = (t->flags & (TABLE_CREATE | TABLE_WRITE)) != 0;
    if (t->flags & TABLE_WITH_NUL)
        s->nul = NUL_WITH;
    else if (t->flags & TABLE_WITHOUT_NUL)
        s->nul = NUL_WITHOUT;
    if (t->flags & TABLE_WRITE)
        opened = open_for_update(t, s, err);
    else if (t->flags & TABLE_CREATE)
        opened = open_for_creating(t, s, err);
    else
        opened = open_for_reading(t, s, err);
    if (!opened) {
        if (s->db != NULL) {
            s->db->close(s->db, DB_NOSYNC);
            s->db = NULL;
        }
        state_free(s);
        return false;
    }
    t->state = s;
    return true;
}

// Asks with and without the trailing NUL; remembers which form this table has.
static int get(struct db_state *s, const char *key, size_t len, DBT *data)
{
    static const enum nul_form forms[] = {NUL_WITH, NUL_WITHOUT};
    int result = DB_NOTFOUND;

    for (size_t i = 0; i < COUNT(forms); i++) {
        if (s->nul != NUL_UNKNOWN && s->nul != forms[i])
            continue;
        DBT dbt = to_dbt(key, len + (forms[i] == NUL_WITH));

        *data = to_dbt(NULL, 0);
        result = s->db->get(s->db, NULL, &dbt, data, 0);
        if (result == 0)
            s->nul = forms[i];
        if (result != DB_NOTFOUND)
            break;
    }
    return result;
}

// Something wrote to the file since it was opened.
static bool was_written(struct db_state *s)
{
    struct stat now;
    int fd;

    return !s->is_writable && s->db->fd(s->db, &fd) == 0 && fstat(fd, &now) == 0 &&
           !same_content(&now, &s->seen);
}

// Opens the present file. On failure (out of sight in a chroot, say) the old handle stays;
// one that lost its name is whole and will not change any more.
static bool open_again(struct table *t)
{
    struct db_state *s = t->state;
    struct error ignored;

    if (s->is_stale && clock_ms() < s->retry_after)
        return false;
    if (db_open_table(t, &ignored)) {
        state_free(s);
        return true;
    }
    t->state = s;
    s->is_stale = true;
    s->retry_after = clock_ms() + 1000;
    return false;
}

static struct str without_nul(const DBT *dbt)
{
    return str_n(dbt->data, strnlen(dbt->data, dbt->size));
}

static enum table_result db_find(struct table *t, struct arena *arena, const char *key,
                                 const char **value, struct error *err)
{
    DBT data;
    int result = 0;

    for (int tries = 0; tries < 5; tries++) {
        result = get(t->state, key, strlen(key), &data);
        if (!was_written(t->state) || !open_again(t))
            break;
    }
    if (result == DB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (result != 0) {
        error_temp(err, "4.3.0", "error reading %s: %s",
                   ((struct db_state *)t->state)->path, db_strerror(result));
        return TABLE_FAILED;
    }
    *value = arena_text(arena, without_nul(&data));
    return TABLE_FOUND;
}

static bool write_failed(const struct db_state *s, int failure, struct error *err)
{
    return error_temp(err, "4.3.0", "error writing %s: %s", s->path, db_strerror(failure));
}

static bool db_put(struct table *t, struct str key, struct str value, struct error *err)
{
    struct db_state *s = t->state;
    char local[1024];
    size_t nul = s->nul == NUL_WITHOUT ? 0 : 1;
    size_t need = key.len + value.len + 2;
    char *copy = need <= sizeof(local) ? local : mem_alloc(need);
    int failure;

    memcpy(copy, key.ptr, key.len);
    copy[key.len] = '\0';
    memcpy(copy + key.len + 1, value.ptr, value.len);
    copy[key.len + 1 + value.len] = '\0';
    DBT key_dbt = to_dbt(copy, key.len + nul);
    DBT value_dbt = to_dbt(copy + key.len + 1, value.len + nul);

    failure = s->db->put(s->db, NULL, &key_dbt, &value_dbt,
                         (t->flags & TABLE_DUP_REPLACE) ? 0 : DB_NOOVERWRITE);
    if (copy != local)
        free(copy);
    if (failure == DB_KEYEXIST) {
        if (t->flags & TABLE_DUP_IGNORE)
            return true;
        if (!(t->flags & TABLE_DUP_WARN))
            return error_perm(err, "5.3.0", "%s.db: duplicate entry: \"%.*s\"", t->name,
                              STR_FMT(key));
        log_warn("%s.db: duplicate entry: \"%.*s\"", t->name, STR_FMT(key));
        return true;
    }
    if (failure != 0)
        return write_failed(s, failure, err);
    if (!(t->flags & TABLE_BULK) && (failure = s->db->sync(s->db, 0)) != 0)
        return write_failed(s, failure, err);
    return true;
}

static enum table_result db_remove(struct table *t, struct str key, struct error *err)
{
    static const enum nul_form forms[] = {NUL_WITH, NUL_WITHOUT};
    struct db_state *s = t->state;
    char *copy = mem_alloc(key.len + 1);
    int failure = DB_NOTFOUND;

    memcpy(copy, key.ptr, key.len);
    for (size_t i = 0; i < COUNT(forms) && failure == DB_NOTFOUND; i++) {
        if (s->nul != NUL_UNKNOWN && s->nul != forms[i])
            continue;
        DBT dbt = to_dbt(copy, key.len + (forms[i] == NUL_WITH));

        failure = s->db->del(s->db, NULL, &dbt, 0);
    }
    free(copy);
    if (failure == DB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (failure == 0 && !(t->flags & TABLE_BULK))
        failure = s->db->sync(s->db, 0);
    if (failure == 0)
        return TABLE_FOUND;
    write_failed(s, failure, err);
    return TABLE_FAILED;
}

static enum table_result db_next(struct table *t, bool restart, struct arena *arena,
                                 struct str *key, struct str *value, struct error *err)
{
    struct db_state *s = t->state;
    DBT key_dbt = to_dbt(NULL, 0), value_dbt = to_dbt(NULL, 0);
    int failure = 0;

    if (s->cursor == NULL) {
        failure = s->db->cursor(s->db, NULL, &s->cursor, 0);
        restart = true;
    }
    if (failure == 0)
        failure =
            s->cursor->get(s->cursor, &key_dbt, &value_dbt, restart ? DB_FIRST : DB_NEXT);
    if (failure == DB_NOTFOUND)
        return TABLE_NOT_FOUND;
    if (failure != 0) {
        error_temp(err, "4.3.0", "error seeking %s: %s", s->path, db_strerror(failure));
        return TABLE_FAILED;
    }
    *key = arena_str(arena, without_nul(&key_dbt));
    *value = arena_str(arena, without_nul(&value_dbt));
    return TABLE_FOUND;
}

// Gives the new file the looks of the old one and its name.
static bool put_in_place(struct db_state *s, struct error *err)
{
    struct stat old;
    int fd;

    if (s->lock_fd >= 0 && fstat(s->lock_fd, &old) == 0) {
        bool copied;

        fd = open(s->new_path, O_RDWR | O_CLOEXEC);
        copied = fd >= 0 && copy_looks(fd, &old);
        if (fd >= 0)
            close(fd);
        if (!copied)
            return error_temp(err, "4.3.0", "change owner of %s: %m", s->new_path);
    }
    if (rename(s->new_path, s->path) < 0)
        return error_temp(err, "4.3.0", "rename %s to %s: %m", s->new_path, s->path);
    s->new_path = NULL;
    return file_sync_dir(s->path, err);
}

static bool db_commit(struct table *t, struct error *err)
{
    struct db_state *s = t->state;
    int failure;

    if (s->cursor != NULL)
        s->cursor->close(s->cursor);
    s->cursor = NULL;
    failure = s->db->close(s->db, 0); // writes and syncs
    s->db = NULL;
    if (failure != 0)
        return write_failed(s, failure, err);
    if (s->new_path != NULL && !put_in_place(s, err))
        return false;
    db_close_table(t);
    return true;
}

const struct table_type table_type_hash = {
    .name = "hash",
    .traits = TABLE_FOLDS_KEYS | TABLE_REOPENS_ITSELF,
    .open = db_open_table,
    .close = db_close_table,
    .find = db_find,
    .put = db_put,
    .remove = db_remove,
    .next = db_next,
    .commit = db_commit,
};

const struct table_type table_type_btree = {
    .name = "btree",
    .traits = TABLE_FOLDS_KEYS | TABLE_REOPENS_ITSELF,
    .open = db_open_table,
    .close = db_close_table,
    .find = db_find,
    .put = db_put,
    .remove = db_remove,
    .next = db_next,
    .commit = db_commit,
};
